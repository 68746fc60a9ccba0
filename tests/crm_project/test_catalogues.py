"""Every text is translated into every language, with its placeholders and plural forms.

For tests/crm_project/test_catalogues.py. `./run messages` mends the first and the last of these.
"""

import gettext
import re

import pytest
from babel.messages import Catalog, Message

from crm_project import translations

PLACEHOLDER = re.compile(r"%\([^)]*\)[a-z]|%[a-z%]|\{[^}]*\}")
TAG = re.compile(r"</?\w+[^>]*>")
PLURAL_FORMS = {"ar": 6, "de": 2}
# A form for exactly one, two or none may spell the number out.
MAY_LACK_A_NUMBER = 1

pytestmark = pytest.mark.parametrize("language", translations.LANGUAGES)


@pytest.fixture(scope="module")
def template() -> Catalog:
    return translations.collect()


def messages_of(language: str) -> list[Message]:
    return [message for message in translations.read(language) if message.id]


def as_tuple(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (str(text),)


def test_catalogue_has_the_texts_of_the_code_and_no_others(language, template):
    wanted = {(message.context, message.id) for message in template if message.id}
    stored = {(message.context, message.id) for message in messages_of(language)}
    assert (wanted - stored, stored - wanted) == (set(), set())


def test_everything_is_translated(language):
    missing = [m.id for m in messages_of(language) if not translations.is_translated(m)]
    assert missing == []


def test_nothing_is_a_guess(language):
    assert [message.id for message in messages_of(language) if message.fuzzy] == []


def test_plural_forms_are_complete(language):
    wrong = [
        message.id
        for message in messages_of(language)
        if message.pluralizable and len(as_tuple(message.string)) != PLURAL_FORMS[language]
    ]
    assert wrong == []


def test_placeholders_and_tags_agree(language):
    wrong = []
    for message in messages_of(language):
        many = sorted(PLACEHOLDER.findall(as_tuple(message.id)[-1]))
        tags = sorted(TAG.findall(as_tuple(message.id)[-1]))
        for form in as_tuple(message.string):
            found = sorted(PLACEHOLDER.findall(form))
            extra, lost = set(found) - set(many), len(many) - len(found)
            allowed = MAY_LACK_A_NUMBER if message.pluralizable else 0
            if form and (extra or not 0 <= lost <= allowed or sorted(TAG.findall(form)) != tags):
                wrong.append((message.id, form))
    assert wrong == []


def test_compiled_catalogue_is_up_to_date(language):
    with translations.path_of(language, "mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in messages_of(language):
        text = as_tuple(message.id)[0]
        if not message.pluralizable and message.context is None:
            assert compiled.gettext(text) == message.string
    expected = translations.as_mo(translations.read(language))
    assert translations.path_of(language, "mo").read_bytes() == expected
