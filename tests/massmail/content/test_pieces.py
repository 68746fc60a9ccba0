import time

import pytest
from django.template.base import tag_re
from hypothesis import given, settings
from hypothesis import strategies as st

from massmail.content.pieces import (
    Piece,
    Placeholders,
    split_tags,
    unify_newlines,
    without_comments,
)


@settings(deadline=None)
@given(st.text(alphabet="{}%# \nab'", max_size=60))
def test_split_tags_cuts_where_django_does(source: str) -> None:
    pieces = [(piece.text, piece.is_tag) for piece in split_tags(source)]

    expected = [(part, number % 2 == 1) for number, part in enumerate(tag_re.split(source)) if part]
    assert pieces == expected


@settings(deadline=None)
@given(st.text(alphabet="{}%# \nab", max_size=60))
def test_split_tags_lines_count_from_one(source: str) -> None:
    before = ""
    for piece in split_tags(source):
        assert piece.line == before.count("\n") + 1
        before += piece.text
    assert before == source


@pytest.mark.parametrize("opener", ["{%", "{{", "{#", "{{%", "{%{{{#"])
def test_split_tags_is_linear(opener: str) -> None:
    started = time.perf_counter()

    list(split_tags(opener * 25_000))

    assert time.perf_counter() - started < 1


def test_command_is_the_first_word_of_a_block() -> None:
    pieces = list(split_tags("{%if x%}{{ if }}{# if #}{%%}if"))

    assert [piece.command for piece in pieces] == ["if", "", "", "", ""]


def test_without_comments_keeps_their_line_ends() -> None:
    source = "a{% comment %}b\n{{ c }}\nd{% endcomment %}e{# f #}\n{{ g }}{# not\nclosed"

    pieces = list(without_comments(source))

    assert "".join(piece.text for piece in pieces) == "a\n\ne\n{{ g }}{# not\nclosed"
    assert [piece.line for piece in pieces if piece.is_tag] == [4]


def test_comment_ends_where_django_ends_it() -> None:
    source = "{% comment %}a{% endcomment x %}{{ endcomment }}b{% endcomment %}c"

    assert [piece.text for piece in without_comments(source)] == ["c"]


def test_placeholders_give_tags_back_and_text_stays_text() -> None:
    held = Placeholders()
    word = held.hold(Piece("{{ a }}", True, 3))

    pieces = held.pieces(f"{{{{ b }}}}{word}{{", {})

    assert pieces == [
        Piece("{{ b }}", False, 0),
        Piece("{{ a }}", True, 3),
        Piece("{", False, 0),
    ]


def test_placeholders_instead_replaces_a_tag_by_text() -> None:
    held = Placeholders()
    word = held.hold(Piece("{% cid_media 'pics/a.png' %}", True, 1))

    pieces = held.pieces(f"<{word}>", {"{% cid_media 'pics/a.png' %}": "cid:1"})

    assert pieces == [Piece("<cid:1>", False, 0)]


def test_unify_newlines() -> None:
    assert unify_newlines("a\r\nb\rc\nd\ud800") == "a\nb\nc\nd?"
