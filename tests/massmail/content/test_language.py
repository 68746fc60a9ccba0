import datetime

import pytest
from django.utils.functional import lazy
from django.utils.safestring import mark_safe
from hypothesis import given, settings
from hypothesis import strategies as st

from massmail.content import language
from massmail.content.language import check_language, plain_value
from massmail.content.pieces import split_tags
from massmail.content.problems import BuildError


def fill(source: str, *, html: bool = False, **values: language.Value) -> str:
    engine = language.HTML if html else language.TEXT
    template = engine.compile(split_tags(source))
    names = {name: "" for name, _line in template.names}
    return template.fill(names | {name: plain_value(value) for name, value in values.items()})


REFUSED = [
    "{% load static %}",
    "{% load i18n %}",
    "{% include 'x.html' %}",
    "{% extends 'x.html' %}",
    "{% debug %}",
    "{% ssi '/etc/passwd' %}",
    "{% url 'admin:index' %}",
    "{% lorem 2000000 w %}",
    "{% now 'Y' %}",
    "{% for x in y %}{% endfor %}",
    "{% with a=b %}{% endwith %}",
    "{% autoescape off %}{{ x }}{% endautoescape %}",
    "{% filter upper %}x{% endfilter %}",
    "{% verbatim %}{{ x }}{% endverbatim %}",
    "{% csrf_token %}",
    "{% templatetag openblock %}",
    "{% cycle 'a' 'b' %}",
    "{% regroup a by b as c %}",
    "{% widthratio a b 100 %}",
    "{% spaceless %}{% endspaceless %}",
    "{% block a %}{% endblock %}",
    "{% firstof a b as c %}",
    "{% firstof %}",
    "{% cid_media picture %}",
    "{% cid_media 'pics/../../etc/passwd' %}",
    "{{ 'a'|ljust:'200000000' }}",
    "{{ x|stringformat:'0200000000d' }}",
    "{{ x|safe }}",
    "{{ x|safeseq }}",
    "{{ x|add:'a' }}",
    "{{ x|center:'99999999' }}",
    "{{ x|pprint }}",
    "{{ x|linebreaks }}",
    "{{ x|dictsort:'a' }}",
    "{{ x|join:'a' }}",
    "{{ user.password }}",
    "{{ x.y }}",
    "{{ x.0 }}",
    "{{ settings.SECRET_KEY }}",
    "{{ x|default:y.z }}",
    "{% if user.password %}{% endif %}",
    "{% if x %}{% elif a.b %}{% endif %}",
    "{% firstof a.b %}",
    "{{ _private }}",
    "{{ x|default:_private }}",
    "{{ naïve }}",
    "{{ x|default:'<img src=x onerror=alert(1)>' }}",
    '{{ x|default:"a&quot;b" }}',
    "{{ x|default:'a\\u003cb' }}",
    "{{ x|default:'`' }}",
    "{{ x|default:'say \"hi\"' }}",
    "{% firstof x '<b>' %}",
    "{% if x == '<b>' %}{% endif %}",
    "{{ _('translated') }}",
    "{{ x|default:_('translated') }}",
    "{% if _('a %}{% endif %}",
    "{{ }}",
    "{% %}",
    "{{ x| }}",
    "{{ x|default }}",
    "{{ x|default:'a }}",
    "{{ x y }}",
    "{{ {{ x }}",
    "{% if %}{% endif %}",
    "{% if x %}",
    "{% if x == %}{% endif %}",
    "{% endif %}",
    "{% else %}",
    "{% comment %}",
    "{% endcomment %}",
    "{{ x|default:'" + "a" * 600 + "' }}",
    "{% if x %}" * 30 + "{% endif %}" * 30,
    "{% if " + "not " * 2000 + "x %}{% endif %}",
]


@pytest.mark.parametrize("source", REFUSED)
def test_refused_with_its_line_and_plain_words(source: str) -> None:
    template, problems = check_language(f"first\nsecond {source}", "content")

    assert template is None
    assert [(problem.field, problem.line) for problem in problems] == [("content", 2)]
    assert problems[0].text
    assert "register" not in problems[0].text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ name }}", "Ann Lee"),
        ("{{ missing|default:'there' }}", "there"),
        ('{{ missing|default:"l\'ami" }}', "l'ami"),
        ("{{ name|upper }} {{ name|lower }}", "ANN LEE ann lee"),
        ("{{ name|lower|title }}", "Ann Lee"),
        ("{{ name|truncatechars:4 }}", "Ann…"),
        ("{{ day|date:'d.m.Y' }}", "02.01.2026"),
        ("{% if name %}a{% else %}b{% endif %}", "a"),
        ("{% if missing %}a{% elif number > 3 %}b{% endif %}", "b"),
        ("{% if name == 'Ann Lee' and not missing %}a{% endif %}", "a"),
        ("{% firstof missing name 'x' %}", "Ann Lee"),
        ("{% comment %}a {{ b.c }}{% endcomment %}{# d #}", ""),
        ("{ {name} %} 100%", "{ {name} %} 100%"),
        ("{{ number }}", "5"),
    ],
)
def test_offered(source: str, expected: str) -> None:
    values: dict[str, language.Value] = {
        "name": "Ann Lee",
        "number": 5,
        "day": datetime.date(2026, 1, 2),
    }
    assert fill(source, html=False, **values) == expected


def test_html_escapes_values_and_text_does_not() -> None:
    assert fill("{{ x }}{% firstof x %}", html=True, x="<&'\">") == "&lt;&amp;&#x27;&quot;&gt;" * 2
    assert fill("{{ x }}", x="<&'\">") == "<&'\">"


def test_safe_text_is_escaped_all_the_same() -> None:
    assert fill("{{ x }}", html=True, x=mark_safe("<b>")) == "&lt;b&gt;"
    assert type(plain_value(mark_safe("<b>"))) is str


@pytest.mark.parametrize(
    "value", [None, object(), ["a"], {"a": 1}, lambda: "x", lazy(lambda: "x", str)(), b"x", 1j]
)
def test_value_that_is_not_plain_is_refused(value: object) -> None:
    with pytest.raises(BuildError):
        plain_value(value)


def test_value_loses_controls_and_surrogates() -> None:
    assert plain_value("a\x00b\x1bc\r\nd\te\ud800f\u2028") == "abc\nd\te?f\u2028"


def test_value_has_a_largest_size() -> None:
    with pytest.raises(BuildError):
        plain_value("a" * (language.MAX_VALUE + 1))


def test_output_has_a_largest_size() -> None:
    with pytest.raises(BuildError):
        fill("{{ x }}" * 200, x="a" * language.MAX_VALUE)


@pytest.mark.parametrize(
    "source", ["a" * (language.MAX_SOURCE + 1), "{{ x }}" * (language.MAX_TAGS + 1)]
)
def test_source_has_a_largest_size(source: str) -> None:
    template, problems = check_language(source, "content")

    assert (template, [problem.line for problem in problems]) == (None, [0])


def test_names_and_images_have_their_lines() -> None:
    source = "{{ a|default:b }}\n{% if c %}\n{% cid_media 'pics/x.png' %}\n{% elif d %}{% endif %}"
    template, problems = check_language(source, "content")

    assert problems == []
    assert template is not None
    assert template.names == [("a", 1), ("b", 1), ("c", 2), ("d", 4)]
    assert template.images == [("media:pics/x.png", 3)]


def test_attributes_of_the_context_are_never_reached() -> None:
    assert fill("{{ dicts }}{{ template }}{{ render_context }}{{ push }}") == ""


@settings(deadline=None)
@given(st.text(alphabet="{}%#|:'\"._ abif\n()<&\\", max_size=80))
def test_any_source_compiles_or_has_a_problem(source: str) -> None:
    template, problems = check_language(source, "content")

    assert (template is None) == bool(problems)
    assert all(1 <= problem.line <= source.count("\n") + 1 for problem in problems)
    if template is not None:
        template.fill(dict.fromkeys((name for name, _line in template.names), "x"))
