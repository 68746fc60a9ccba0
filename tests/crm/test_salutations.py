"""Greetings: by language, sex, academic title and the names that are known."""

import pytest

from crm import salutations
from tests.factories import CompanyFactory, ContactFactory, LeadFactory


@pytest.mark.parametrize(
    ("language", "sex", "title", "greeting"),
    [
        ("en", "M", "", "Dear Mr O'Neil"),
        ("en", "F", "", "Dear Ms O'Neil"),
        ("en", "F", "Head of Sales", "Dear Ms O'Neil"),
        ("en", "F", "Dr", "Dear Dr O'Neil"),
        ("en", "M", "Prof. Dr.", "Dear Prof. Dr. O'Neil"),
        ("en", "O", "", "Dear Zoë O'Neil"),
        ("en", "", "Dr", "Dear Zoë O'Neil"),
        ("de", "M", "", "Sehr geehrter Herr O'Neil"),
        ("de", "F", "Dr.", "Sehr geehrte Frau Dr. O'Neil"),
        ("de", "", "", "Guten Tag Zoë O'Neil"),
        ("de-at", "F", "", "Sehr geehrte Frau O'Neil"),
        ("ar", "M", "", "السيد Zoë O'Neil المحترم"),
        ("ar", "F", "", "السيدة Zoë O'Neil المحترمة"),
        ("ar", "F", "Dr", "الدكتورة Zoë O'Neil المحترمة"),
        ("ar", "", "", "مرحبًا Zoë O'Neil"),
        ("fr", "M", "", "Dear Mr O'Neil"),
    ],
)
def test_greeting_of_a_person(language: str, sex: str, title: str, greeting: str) -> None:
    found = salutations.of_person(
        language, sex=sex, title=title, last_name="O'Neil", full_name="Zoë O'Neil"
    )

    assert found == greeting


def test_person_without_a_last_name_is_greeted_by_the_first() -> None:
    found = salutations.of_person("en", sex="F", title="", last_name="", full_name="Zoë")

    assert found == "Dear Zoë"


def test_names_with_braces_stay_as_they_are() -> None:
    found = salutations.of_person("en", sex="M", title="", last_name="{title}", full_name="x")

    assert found == "Dear Mr {title}"


@pytest.mark.parametrize(
    ("language", "greeting"),
    [
        ("en", "Dear Sir or Madam"),
        ("de", "Sehr geehrte Damen und Herren"),
        ("ar", "السادة المحترمون"),
    ],
)
def test_greeting_of_a_company(language: str, greeting: str) -> None:
    assert salutations.of_company(language) == greeting


@pytest.mark.django_db
def test_people_and_companies_are_greeted_in_their_own_language(settings) -> None:
    settings.LANGUAGE_CODE = "de"

    greetings = [
        ContactFactory.create(last_name="O'Neil", sex="F").salutation,
        LeadFactory.create(last_name="Nowak", sex="M", language="en").salutation,
        CompanyFactory.create(language="ar").salutation,
    ]

    assert greetings == ["Sehr geehrte Frau O'Neil", "Dear Mr Nowak", "السادة المحترمون"]
