"""The widget of mail HTML: its configuration, its text area, and the menu of variables."""

import json

import pytest
from django.test import override_settings
from django.utils import translation

from massmail.forms.mail_editor import MailEditor, single_quoted, variable_groups
from massmail.models import recipient_models


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('{{ x|default:"you" }}', "{{ x|default:'you' }}"),
        ('<a href="{% cid_media "a" %}">', "<a href=\"{% cid_media 'a' %}\">"),
        ('{% firstof a "b" "c" %}', "{% firstof a 'b' 'c' %}"),
        ('{{ x|default:"l\'ami" }}', '{{ x|default:"l\'ami" }}'),
        ('<p title="x">{{ y }}</p> "z"', '<p title="x">{{ y }}</p> "z"'),
        ('{{ x|default:\n"you" }}', '{{ x|default:\n"you" }}'),
    ],
)
def test_quotes_inside_tags_are_single_ones(source: str, shown: str) -> None:
    assert single_quoted(source) == shown
    assert MailEditor().format_value(source) == shown


def config_of(widget: MailEditor) -> dict[str, object]:
    context = widget.get_context("content", "", {"id": "id_content"})
    config: dict[str, object] = json.loads(context["widget"]["attrs"]["data-editor"])
    return config


def test_editor_finds_its_script_and_never_asks_for_a_newer_version() -> None:
    config = config_of(MailEditor())

    assert config["customConfig"] == "/static/massmail/ck_mail.js"
    assert config["versionCheck"] is False
    assert "allowedContent" not in config  # it stands in the script, which the server cannot loosen
    assert config["fullPage"] is False
    assert "preview" in str(config["removePlugins"]).split(",")


def test_editor_speaks_the_language_of_the_page_and_no_other_afterwards() -> None:
    widget = MailEditor()
    with translation.override("de"):
        german = config_of(widget)
    english = config_of(widget)

    assert (german["language"], english["language"]) == ("de", "en")


@override_settings(ROOT_URLCONF="tests.massmail.forms.no_gallery")
def test_without_a_gallery_there_is_no_button_for_it() -> None:
    config = config_of(MailEditor())

    assert (config["filebrowserImageBrowseUrl"], config["filebrowserImageUploadUrl"]) == ("", "")


def test_without_scripts_it_is_a_text_area_with_the_source() -> None:
    html = MailEditor().render("content", "<p>a & b</p>", {"id": "id_content"})

    assert html.startswith('<textarea name="content"')
    assert "&lt;p&gt;a &amp; b&lt;/p&gt;" in html
    assert "<script" not in html


def test_menu_has_the_variables_of_everybody_and_of_each_type() -> None:
    groups = variable_groups()

    assert [variable.name for variable in groups[0].variables] == [
        "salutation",
        "sender_name",
        "unsubscribe_url",
    ]
    assert [[variable.name for variable in group.variables] for group in groups[1:]] == [
        list(model.VARIABLES) for model in recipient_models()
    ]
    assert all(variable.label for group in groups for variable in group.variables)
