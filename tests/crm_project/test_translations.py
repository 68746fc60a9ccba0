"""The catalogues are collected from the code and kept through its changes."""

import gettext
import io

import pytest
from babel.messages import Catalog

from crm_project import translations

PYTHON = """
from django.utils.translation import gettext as _, ngettext, pgettext
a = _("Plain")
b = ngettext("%(n)d mail", "%(n)d mails", 3)
# Translators: the month
c = pgettext("month", "May")
d = f("not this")
"""
TEMPLATE = """{% load i18n %}
<p title="{% translate 'A title' %}">
    {% blocktranslate trimmed with name=x %}
      Dear   {{ name }},
      welcome
    {% endblocktranslate %}
  {% blocktranslate count n=n %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}
  {% translate "May" context "month" %} it's "quoted" text
  {{ thing|default:_("nothing") }}
</p>
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one module and one template."""
    for folder in (*translations.CODE, "templates"):
        (tmp_path / folder).mkdir()
    (tmp_path / "common" / "words.py").write_text(PYTHON)
    (tmp_path / "templates" / "page.html").write_text(TEMPLATE)
    monkeypatch.setattr(translations, "BASE", tmp_path)
    monkeypatch.setattr(translations, "LOCALE", tmp_path / "locale")
    return tmp_path


def texts(catalogue: Catalog) -> set[object]:
    return {(message.context, message.id) for message in catalogue if message.id}


def test_python_and_templates_are_collected(checkout):
    assert texts(translations.collect()) == {
        (None, "Plain"),
        (None, ("%(n)d mail", "%(n)d mails")),
        ("month", "May"),
        (None, "A title"),
        (None, "Dear   %(name)s, welcome"),
        (None, ("%(n)s row", "%(n)s rows")),
        (None, "nothing"),
    }


def test_places_and_notes_are_kept(checkout):
    message = translations.collect().get("May", "month")
    assert message is not None
    assert {place for place, _line in message.locations} == {
        "common/words.py",
        "templates/page.html",
    }
    assert message.auto_comments == ["the month"]


def test_translations_and_glossary_outlive_an_update(checkout, capsys):
    translations.main()
    path = translations.path_of("de")
    text = path.read_text().replace('msgid "Plain"\nmsgstr ""', 'msgid "Plain"\nmsgstr "Schlicht"')
    path.write_text("# Wörter: mail = Mail\n" + text)
    (checkout / "templates" / "page.html").write_text("{% load i18n %}{% translate 'New' %}")

    translations.main()

    kept = path.read_text()
    assert 'msgstr "Schlicht"' in kept
    assert "# Wörter: mail = Mail" in kept
    assert "A title" not in kept
    assert "de: 4 texts, 3 to be translated" in capsys.readouterr().out


def test_a_changed_text_is_not_guessed(checkout):
    catalogue = Catalog(locale="de", charset="utf-8")
    catalogue.add("Plainly", "Schlichtweg")

    updated = translations.updated(catalogue, translations.collect())

    assert not any(translations.is_translated(message) for message in updated if message.id)
    assert not any(message.fuzzy for message in updated if message.id)


def test_a_second_update_writes_the_same_bytes(checkout):
    def written() -> dict[str, bytes]:
        files = sorted((checkout / "locale").rglob("*.?o"))
        return {str(path): path.read_bytes() for path in files}

    translations.main()
    before = written()
    translations.main()

    assert len(before) == 4
    assert written() == before


def test_compiled_texts_have_the_plural_forms_of_the_language(checkout):
    catalogue = translations.updated(translations.read("ar"), translations.collect())
    forms = tuple(f"form {number}" for number in range(6))
    catalogue["%(n)d mail", "%(n)d mails"].string = forms

    compiled = gettext.GNUTranslations(io.BytesIO(translations.as_mo(catalogue)))

    shown = [compiled.ngettext("%(n)d mail", "", n) for n in (0, 1, 2, 3, 100, 11)]
    assert shown == list(forms)
    assert compiled.gettext("Plain") == "Plain"
