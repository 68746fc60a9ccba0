"""Hostile templates: refused, or harmless; what the process knows never gets into a mail."""

import os
import time

import pytest

from massmail.content.problems import BuildError
from massmail.utils.email_creators import (
    MessageSource,
    Person,
    check_source,
    compile_message,
)
from tests.massmail.content.hostile import HOSTILE_LITERALS

CANARY = "canary-7f3a1c"
VARIABLES = {"first_name": "Zoë", "title": "Dr"}
REFUSED = [
    *HOSTILE_LITERALS,
    "{{ settings.SECRET_KEY }}",
    "{{ request.user.password }}",
    "{{ user.password }}",
    "{{ first_name.__class__ }}",
    "{{ first_name.__class__.__mro__ }}",
    "{{ first_name.upper }}",
    "{{ first_name.0 }}",
    "{{ _first_name }}",
    "{{ __builtins__ }}",
    "{{ canary }}",
    "{{ CANARY }}",
    "{{ SECRET_KEY }}",
    "{{ DATABASES }}",
    "{{ environ }}",
    "{{ forloop }}",
    "{{ block.super }}",
    "{{ to }}",
    "{{ first_name|safe }}",
    "{{ first_name|escape }}",
    '{{ first_name|ljust:"200000000" }}',
    '{{ first_name|stringformat:"200000000s" }}',
    "{{ first_name|pprint }}",
    "{{ first_name|linebreaks }}",
    "{{ first_name|urlize }}",
    '{{ first_name|add:"x" }}',
    "{{ first_name|default:canary }}",
    "{{ first_name|default:settings.SECRET_KEY }}",
    '{{ _("x") }}',
    '{{ first_name|default:_("x") }}',
    "{% load static %}",
    "{% load massmail.testing %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'admin/base.html' %}",
    "{% debug %}",
    "{% ssi /etc/passwd %}",
    "{% url 'admin:index' %}",
    "{% csrf_token %}",
    "{% now 'Y' %}",
    "{% lorem 2000000 w %}",
    "{% for x in first_name %}{{ x }}{% endfor %}",
    "{% with a=first_name %}{{ a }}{% endwith %}",
    "{% filter upper %}x{% endfilter %}",
    "{% autoescape off %}{{ first_name }}{% endautoescape %}",
    "{% verbatim %}{{ settings }}{% endverbatim %}",
    "{% cycle 'a' 'b' %}",
    "{% regroup a by b as c %}",
    "{% templatetag openblock %}",
    "{% widthratio 1 2 3 %}",
    "{% spaceless %}<p> </p>{% endspaceless %}",
    "{% firstof first_name as kept %}",
    "{% firstof settings.SECRET_KEY %}",
    "{% if settings.SECRET_KEY %}x{% endif %}",
    "{% if first_name.__class__ %}x{% endif %}",
    "{% if first_name == canary %}x{% endif %}",
    "{% cid_media '../../etc/passwd' %}",
    "{% cid_media '/etc/passwd' %}",
    "{% cid_static '../settings.py' %}",
    "{% cid_media first_name %}",
    "{% if a %}" * 30 + "{% endif %}" * 30,
    "{{ first_name }}" * 2_000,
    "{{ " + "x" * 600 + " }}",
    "{% if %}x{% endif %}",
    "{% if first_name %}",
    "{% endif %}",
    "{{ }}",
    "{% %}",
    "{{ first_name| }}",
    "{{ 'a }}",
]
HARMLESS = [
    "{{ first_name }",
    "{{\nsettings.SECRET_KEY\n}}",
    "{%\ndebug\n%}",
    "{# settings.SECRET_KEY #}",
    "{% comment %}{{ settings.SECRET_KEY }}{% endcomment %}",
    "&#123;&#123; settings.SECRET_KEY &#125;&#125;",
    "{ { settings.SECRET_KEY } }",
    "{{ first_name|truncatechars:5 }}",
    "{% if title %}{{ title }}{% else %}{{ first_name }}{% endif %}",
]


@pytest.fixture(autouse=True)
def _canaries(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put something recognisable wherever a template could look for secrets."""
    monkeypatch.setenv("CANARY", CANARY)
    settings.SECRET_KEY = CANARY
    settings.CANARY = CANARY
    monkeypatch.setitem(settings.DATABASES["default"], "CANARY", CANARY)


def sources(text: str) -> list[MessageSource]:
    """The text in each field that is a template."""
    return [
        MessageSource(subject="x", content=f"<p>{text}</p>"),
        MessageSource(subject=text, content="<p>x</p>"),
        MessageSource(subject="x", content="<p>x</p>", preheader=text),
        MessageSource(subject="x", content="<p>x</p>", signature=text),
        MessageSource(subject="x", content="<p>x</p>", signature=text, signature_is_html=False),
    ]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_hostile_template_is_refused_in_every_field(text: str) -> None:
    began = time.process_time()

    refused = [bool(check_source(source, VARIABLES)) for source in sources(text)]

    assert refused == [True] * 5
    assert (
        time.process_time() - began < 2
    )  # seconds of work: no template is a bomb for the check itself


@pytest.mark.parametrize("text", HARMLESS)
def test_template_without_problems_prints_no_secret(text: str) -> None:
    assert os.environ["CANARY"] == CANARY
    for source in sources(text):
        if check_source(source, VARIABLES):
            continue
        rendered = compile_message(source).render(person(VARIABLES))
        assert CANARY not in rendered.subject + rendered.html + rendered.text


@pytest.mark.parametrize("value", [os, object(), {"a": CANARY}, [CANARY], lambda: CANARY, None])
def test_value_that_is_not_plain_is_refused(value: object) -> None:
    compiled = compile_message(MessageSource(subject="x", content="<p>{{ first_name }}</p>"))

    with pytest.raises(BuildError):
        compiled.render(person({"first_name": value}))


def person(variables: dict) -> Person:
    return Person("a@example.com", "A", variables, "https://example.com/u/1", "<1@example.com>")
