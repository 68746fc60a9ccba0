import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from massmail.content import language
from massmail.content.cleaning import check_html, clean, clean_literal
from massmail.content.pieces import Placeholders
from tests.massmail.content.hostile import HOSTILE_HTML, active_content


def cleaned(source: str) -> str:
    """Clean a source and put the tags back as text."""
    held = Placeholders()
    html = clean(source, held)
    return held.readable(html.replace("<!--" + held.key, held.key).replace("z-->", "z"))


@pytest.mark.parametrize("source", HOSTILE_HTML)
def test_hostile_html_has_problems_or_is_harmless(source: str) -> None:
    assert active_content(cleaned(source)) == []


REFUSED = [
    "<script>alert(1)</script>",
    "<p onclick='x()'>a</p>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>a</a>",
    "<a href=' jav&#x09;ascript:alert(1)'>a</a>",
    "<a href='JaVaScRiPt:alert(1)'>a</a>",
    "<a href='data:text/html,x'>a</a>",
    "<a href='vbscript:x'>a</a>",
    "<a href='//evil.example'>a</a>",
    "<a href='/relative'>a</a>",
    "<a href='{{ first_name }}'>a</a>",
    "<a href='https://{{ first_name }}/'>a</a>",
    "<a href='https://e.com{{ first_name }}'>a</a>",
    "<a href='https://e.com@{{ first_name }}'>a</a>",
    "<a href='https://e.com\t{{ first_name }}'>a</a>",
    "<a href='{% firstof first_name %}'>a</a>",
    "<a href='{{ unsubscribe_url|default:first_name }}'>a</a>",
    "<img src='{{ first_name }}'>",
    "<iframe src='https://e.com'></iframe>",
    "<form action='https://e.com'><input></form>",
    "<svg><a href='https://e.com'>x</a></svg>",
    "<style>p { color: red }</style>",
    "<meta http-equiv=refresh content='0;url=https://e.com'>",
    "<base href='https://e.com'>",
    "<p style='width: expression(alert(1))'>a</p>",
    "<p style='background: url(javascript:x)'>a</p>",
    "<p style='color: {{ first_name }}'>a</p>",
    "<p style='{% if x %}color: red{% endif %}'>a</p>",
    "<p {{ first_name }}>a</p>",
    "<p {% if x %}class='a'{% endif %}>a</p>",
    "<{{ first_name }}>a</p>",
    "<p title='{% if x %}'>a</p>{% endif %}",
    "<p title='{% if no %}'>{% endif %}' onmouseover='x'>a</p>",
    '<p title="{{ x|default:\'a\' }}{{ y|default:"it\'s" }}">a</p>',
    "<!-- {{ first_name }} -->",
    "<!--[if mso]><script>x</script><![endif]-->",
    "<!--[if mso]><p onclick=x><![endif]-->",
    "<!--[if mso]><textarea><![endif]-->",
    "<!--[if mso]><v:rect href='javascript:x'></v:rect><![endif]-->",
    "<!--[if mso]><p title={{ first_name }}><![endif]-->",
    "<!--[if mso]>{% if x %}<![endif]-->{% endif %}",
    "<b>" * 200,
]


@pytest.mark.parametrize("source", REFUSED)
def test_check_html_names_the_line(source: str) -> None:
    problems = check_html(f"first<br>\nsecond {source}", "content")

    assert {(problem.field, problem.line) for problem in problems} == {("content", 2)}


ACCEPTED = [
    '<p class="a" style="color:red" align="center">{{ first_name }}</p>',
    '<a href="https://e.com/?a={{ first_name }}">a</a>',
    '<a href="{{ unsubscribe_url }}">a</a>',
    '<a href="mailto:a@e.com">a</a>',
    '<a href="tel:+49">a</a>',
    '<a href="#top" name="top">a</a>',
    '<img src="{% cid_media \'pics/a.png\' %}" alt="a" width="20">',
    '<p class="{% if x %}a{% else %}b{% endif %}">a</p>',
    "<table><tbody>{% if x %}<tr><td>a</td></tr>{% endif %}<tr><td>b</td></tr></tbody></table>",
    '<!--[if mso]><table title="{{ x }}"><tr><td><![endif]-->a<!--[if mso]></table><![endif]-->',
    '<!--[if mso]><v:rect xmlns:v="urn:x" href="https://e.com"><w:anchorlock/></v:rect><![endif]-->',
    "<!--[if !mso]><!--><b>a</b><!--<![endif]-->",
    '{{ x|default:"l\'ami" }}',
    '<p role="presentation" aria-label="a" lang="en" dir="ltr">a</p>',
    "a &amp; b &lt; c",
]


@pytest.mark.parametrize("source", ACCEPTED)
def test_good_html_stays_as_it_is(source: str) -> None:
    assert check_html(source, "content") == []
    assert cleaned(source) == source


def test_comments_leave_and_the_html_they_held_too() -> None:
    assert cleaned("a{% comment %}<script>{% endcomment %}b{# <i> #}c<!-- d -->") == "abc"


def test_entities_of_braces_stay_text() -> None:
    held = Placeholders()
    pieces = held.pieces(clean("&#123;&#123; a }}&#123;{{ b }}", held), {})

    assert [(piece.text, piece.is_tag) for piece in pieces] == [
        ("{{ a }}{", False),
        ("{{ b }}", True),
    ]


def test_line_break_within_braces_hides_nothing() -> None:
    assert "<script" not in cleaned("{{\n<script>alert(1)</script>\n}}")


def test_clean_literal_takes_tags_as_text() -> None:
    held = Placeholders()

    html = clean_literal("<p onclick=x>{{ a }}{% load b %}</p><script>c</script>", held)

    assert (html, held.held) == ("<p>{{ a }}{% load b %}</p>", [])


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *("<p ", "<a href=", "'", '"', ">", "<", "/", "javascript:x", " onclick=", "title="),
            *("{{ x }}", "{% if x %}", "{% endif %}", "{% else %}", "{% firstof x 'b' %}"),
            *("{% comment %}", "{% endcomment %}", "{#", "#}", "<!--", "-->", "<!--[if mso]>"),
            *("<![endif]", "<script>", "</script>", "style=", "&quot;", "&lt;", "<svg>"),
            *("<table>", "<title>", "a", "\n"),
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=500, deadline=None)
@given(FRAGMENTS, st.sampled_from(["", "\"' onload=x <script> --> javascript:alert(1)"]))
def test_any_html_without_problems_renders_harmless(source: str, value: str) -> None:
    template, _problems = language.check_language(source, "content")
    if template is None or check_html(source, "content"):
        return
    held = Placeholders()
    html = clean(source, held).replace("<!--" + held.key, held.key).replace("z-->", "z")

    rendered = language.HTML.compile(held.pieces(html, {})).fill({"x": value})

    assert active_content(rendered) == []
