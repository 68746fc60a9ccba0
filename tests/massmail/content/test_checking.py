import dataclasses

import pytest

from massmail.content.checking import check_compiles, check_source, image_names
from massmail.content.problems import Problem
from massmail.content.source import Attachment, MessageSource
from tests.factories import red_square

GOOD = MessageSource(
    subject="News for {{ first_name|default:'you' }}",
    content="<p>Hello {{ first_name }}</p>\n<img src=\"{% cid_media 'pics/a.png' %}\">",
    styles="p { color: red }\n@media (max-width: 600px) { p > b { color: blue } }",
    preheader="Read this, {{ first_name }}",
    signature="<p>{{ unsubscribe_url }}</p>",
    prev_corr="<p onclick='x'>{{ earlier }} {% load x %}</p>",
    images={"media:pics/a.png": red_square()},
    attachments=(Attachment("Preise (2026).pdf", "application/pdf", b"x"),),
)


def test_good_source_has_no_problems() -> None:
    assert check_source(GOOD, {"first_name"}) == []


@pytest.mark.parametrize(
    ("changes", "field", "line"),
    [
        ({"subject": "a {{ b }}"}, "subject", 1),
        ({"subject": "a\nb"}, "subject", 1),
        ({"subject": "a\x00b"}, "subject", 1),
        ({"subject": "a\u2028b"}, "subject", 1),
        ({"subject": "{% cid_media 'pics/a.png' %}"}, "subject", 1),
        ({"subject": "{{ user.password }}"}, "subject", 1),
        ({"content": "a\r\n{{ b }}"}, "content", 2),
        ({"content": "a\n\n<script>b</script>"}, "content", 3),
        ({"content": "a\n<img src=\"{% cid_media 'pics/b.png' %}\">"}, "content", 2),
        ({"content": "a\n<img src=\"{% cid_static 'b.png' %}\">"}, "content", 2),
        ({"content": "a\n{% if x %}"}, "content", 2),
        ({"styles": "a {}\nb { width: expression(1) }"}, "styles", 2),
        ({"styles": "a {}\nb { background: url(javascript:x) }"}, "styles", 2),
        ({"styles": "\n@import 'https://e.com/a.css';"}, "styles", 2),
        ({"styles": "</style><script>"}, "styles", 1),
        ({"styles": "a { background: url(\n/local.png) }"}, "styles", 1),
        ({"styles": "a { b: \\65xpression(1) }"}, "styles", 1),
        ({"preheader": "{{ b }}"}, "preheader", 1),
        ({"signature": "<p>\n<a href='javascript:x'>a</a></p>"}, "signature", 2),
        ({"signature": "a\n{{ b }}", "signature_is_html": False}, "signature", 2),
        ({"prev_corr": "\n" + "<div>" * 200}, "prev_corr", 2),
        ({"prev_corr": "a" * 600_000}, "prev_corr", 0),
        ({"content": "a" * 600_000}, "content", 0),
        ({"attachments": (Attachment("a/b.pdf", "a/b", b""),)}, "attachments", 0),
        ({"attachments": (Attachment("a\r\nb", "a/b", b""),)}, "attachments", 0),
        ({"attachments": (Attachment(" ", "a/b", b""),)}, "attachments", 0),
        ({"images": {"media:pics/a.png": b"<svg/>"}}, "content", 2),
    ],
)
def test_problem_has_its_field_and_line(changes: dict[str, object], field: str, line: int) -> None:
    source = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]  # any of the fields

    problems = check_source(source, {"first_name", "x"})

    assert {(problem.field, problem.line) for problem in problems} == {(field, line)}


def test_unknown_variable_is_named() -> None:
    source = MessageSource(subject="a", content="a\n{{ surname }}")

    assert check_source(source, {"first_name"}) == [
        Problem("content", 2, "There is no variable “surname”.")
    ]
    assert check_compiles(source) == []


def test_problems_come_in_the_order_of_the_fields() -> None:
    source = MessageSource(subject="{{ a }}", content="{{ b }}\n{{ c }}", signature="{{ d }}")

    problems = check_source(source, ())

    assert [(problem.field, problem.line) for problem in problems] == [
        ("subject", 1),
        ("content", 1),
        ("content", 2),
        ("signature", 1),
    ]


def test_image_names_of_texts() -> None:
    tag = "{% cid_static 'massmail/a.png' %}{% if x %}{% cid_media 'pics/b.png' %}{% endif %}"

    assert image_names(tag) == {"static:massmail/a.png", "media:pics/b.png"}
    assert image_names([tag, "<img src='/media/pics/c.png'>", "{% broken"]) == {
        "static:massmail/a.png",
        "media:pics/b.png",
        "media:pics/c.png",
    }
    assert image_names("{% comment %}{% cid_media 'pics/b.png' %}{% endcomment %}") == set()
