import datetime
from decimal import Decimal

import pytest
from django.utils import translation

from massmail.content import encodings, language
from massmail.content.language import Value
from massmail.content.pieces import split_tags
from massmail.content.problems import BuildError
from massmail.content.stencil import Cut, Stencil, cut_template, quoted_stencil, unencoded_stencil

VALUES: dict[str, Value] = {
    "name": "Jürgen <b>",
    "blank": "",
    "count": 1234567,
    "price": Decimal("1234.50"),
    "day": datetime.date(2026, 3, 4),
    "yes": True,
}


def compiled(source: str, *, html: bool = True) -> language.MailTemplate:
    return (language.HTML if html else language.TEXT).compile(split_tags(source))


def cut_of(source: str, *, html: bool = True) -> Cut:
    return cut_template(compiled(source, html=html))


def stencil_of(source: str) -> Stencil:
    return unencoded_stencil(cut_of(source, html=False), lines_matter=True)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no gap % {",
        "{{ name }}",
        "a{{ name }}{{ blank }}b\n{{ name }}",
        "{# x #}a{% comment %}{{ name }}{% endcomment %}b",
        "{{ name|upper }} {{ name|lower }} {{ name|title }} {{ name|truncatechars:3 }}",
        "{% if name %}a {{ name }}{% else %}b{% endif %}{% if blank %}{% elif yes %}c{% endif %}",
        "a {% firstof blank name 'x' %}{% firstof blank %}",
        "{{ blank|default:'there' }} {{ blank|default:name }} {{ name|default:'there' }}",
        "{{ count }} {{ price }} {{ day }} {{ yes }} {{ 5 }} {{ 'text' }} {{ day|date:'j F' }}",
    ],
)
@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize("language_code", ["en", "de", "ar"])
def test_filled_as_django_fills_it(source: str, html: bool, language_code: str) -> None:
    template = compiled(source, html=html)
    with translation.override(language_code):
        expected = template.fill(VALUES)
        cut = cut_of(source, html=html)
        plain = unencoded_stencil(cut, lines_matter=False).fill(VALUES, {})

        assert cut.fill(VALUES) == expected
        assert plain == encodings.unencoded_run(expected)


def test_quoted_stencil_has_soft_breaks_around_values() -> None:
    stencil = quoted_stencil(
        cut_of("Dear {{ name }}, hi\n{{ blank }}{{ name }}.\n"), lines_matter=False
    )

    filled = stencil.fill(VALUES, {})

    quoted = b"J=C3=BCrgen &lt;b&gt;"
    assert filled == b"Dear =\r\n%b=\r\n, hi\r\n=\r\n%b=\r\n=2E\r\n" % (quoted, quoted)


def test_value_is_encoded_once_for_all_stencils_of_a_mail() -> None:
    values: dict[str, Value] = {"name": "Jürgen"}
    ready: dict = {}
    for source in ("{{ name }}", "{{ name }}"):
        unencoded_stencil(cut_of(source), lines_matter=False).fill(values, ready)

    assert ready == {encodings.unencoded_run: {"name": "Jürgen".encode()}}


@pytest.mark.parametrize(
    ("source", "value", "fits"),
    [
        ("a\n\n{{ name }}\n\nb\n", "Ann", True),
        ("a\n\n{{ name }}\n\nb\n", " ", True),
        ("a\n\n{{ name }}\n\nb\n", "", False),
        ("a\n\n{{ name }}\n\nb\n", "Ann\nLee", False),
        ("{{ name }}\n\nb\n", "", False),
        ("{{ name }} x\n\nb\n", "", True),
        ("a {{ name }}\n\nb\n", "", True),
        ("a\n\n{{ name }} b\n", "", True),
        ("a\n\n{{ name }}{{ name }} b\n", "", False),
        ("a\n{{ name }}\n", "", False),
    ],
)
def test_value_that_would_make_a_blank_line_goes_the_long_way(
    source: str, value: str, fits: bool
) -> None:
    filled = stencil_of(source).fill({"name": value}, {})

    assert (filled is not None) is fits


def test_text_that_grows_too_long_goes_the_long_way() -> None:
    stencil = stencil_of("{{ name }}" * 200 + "\n")

    assert stencil.fill({"name": "a" * language.MAX_VALUE}, {}) is None


def test_value_that_cannot_be_printed_is_a_build_error() -> None:
    with pytest.raises(BuildError):
        stencil_of("{{ count }}\n").fill({"count": 10**5_000}, {})
