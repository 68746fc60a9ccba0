import time

import pytest

from massmail.content.html_tags import MAX_DEPTH, deep_line, find_tags


def test_find_tags_with_lines_and_attributes() -> None:
    source = "<P Class=a title='b > c'\n id=\"&lt;\" x>\n</p ><!-- <b> --><br/>< 3"

    tags = [(tag.name, tag.is_end, tag.attributes, tag.line) for tag in find_tags(source)]

    assert tags == [
        ("p", False, [("class", "a"), ("title", "b > c"), ("id", "<"), ("x", "")], 1),
        ("p", True, [], 3),
        ("", False, [], 3),
        ("br", False, [], 3),
    ]


@pytest.mark.parametrize("source", ["<a href='x", '<a title="', "<!-- x", "<a b", "<a", "<a ="])
def test_unfinished_tag_reaches_to_the_end(source: str) -> None:
    assert len(list(find_tags(source + "<b>"))) == 1


@pytest.mark.parametrize(
    "unit", ["<a ", "<a href='", "<!--", "<", "</", "<p a=", '<p "', "<?", "<![if", "<a b='c' "]
)
def test_find_tags_is_linear(unit: str) -> None:
    started = time.perf_counter()

    list(find_tags(unit * 20_000))

    assert time.perf_counter() - started < 1


def test_deep_line_names_where_it_gets_too_deep() -> None:
    assert deep_line("<div>\n" * MAX_DEPTH + "<br>" + "</div>" * MAX_DEPTH) == 0
    assert deep_line("<div>\n" * (MAX_DEPTH + 1)) == MAX_DEPTH + 1
    assert deep_line("<b></i>" * (MAX_DEPTH + 1)) == 1
    assert deep_line("<p>a<li>b<tr><td>c<br>" * 1000) == 0


def test_deep_line_bounds_what_a_parser_would_reopen() -> None:
    assert deep_line("<b>" * 90 + "<p>x" * 10_000) == 1
