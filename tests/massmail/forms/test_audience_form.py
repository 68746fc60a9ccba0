"""Whom the filter form finds: a form of its own for each user, type and request."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Company, Contact, Lead
from massmail.forms.audience_form import AudienceForm, NewMailingOutForm
from massmail.models import recipient_models
from tests.factories import (
    CompanyFactory,
    ContactFactory,
    CountryFactory,
    IndustryFactory,
    LeadFactory,
    SuperuserFactory,
    TagFactory,
)
from tests.guests.models import Guest
from tests.massmail.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def form_for(cast: Cast, model=Contact, who: str = "owner", **data) -> AudienceForm:
    form = AudienceForm(model, getattr(cast, who), {"whose": "all"} | data)
    assert form.is_valid(), form.errors
    return form


def found(cast: Cast, model=Contact, **data) -> list[int]:
    return sorted(form_for(cast, model, **data).people().values_list("pk", flat=True))


def test_nothing_chosen_finds_everybody(cast: Cast) -> None:
    bare = CompanyFactory.create(owner=cast.owner)  # without country, type, industry
    full = CompanyFactory.create(owner=cast.owner, country=CountryFactory.create())

    assert found(cast, Company) == [bare.pk, full.pk]


def test_filters_narrow_together_and_values_widen(cast: Cast) -> None:
    germany, france, spain = (CountryFactory.create() for _ in range(3))
    industry = IndustryFactory.create()
    one, two = (CompanyFactory.create(owner=cast.owner, country=c) for c in (germany, france))
    CompanyFactory.create(owner=cast.owner, country=spain)
    one.industry.add(industry)

    either = found(cast, Company, by_country=[germany.pk, france.pk])
    both = found(cast, Company, by_country=[germany.pk], by_industry=[industry.pk])

    assert (either, both) == ([one.pk, two.pk], [one.pk])


def test_who_has_two_of_the_values_is_found_once(cast: Cast) -> None:
    tags = [TagFactory.create(), TagFactory.create()]
    lead = LeadFactory.create(owner=cast.owner)
    lead.tags.set(tags)

    assert found(cast, Lead, by_tags=[tag.pk for tag in tags]) == [lead.pk]


def test_filter_of_contacts_asks_their_companies(cast: Cast) -> None:
    industry = IndustryFactory.create()
    company = CompanyFactory.create(owner=cast.owner)
    company.industry.add(industry)
    contact = ContactFactory.create(owner=cast.owner, company=company)
    ContactFactory.create(owner=cast.owner)

    assert found(cast, by_company__industry=[industry.pk]) == [contact.pk]


def test_plain_field_is_a_filter_too(cast: Cast) -> None:
    guests = [
        Guest.objects.create(owner=cast.owner, guest_name="Zoë", email="z@example.com", room=room)
        for room in ("12", "14", "")
    ]

    form = form_for(cast, Guest, by_room=["12"])

    assert [box.data["value"] for box in form["by_room"]] == ["12", "14"]
    assert list(form.people()) == [guests[0]]


def test_people_of_strangers_are_never_found(cast: Cast) -> None:
    ContactFactory.create(owner=cast.stranger)

    assert found(cast) == []


def test_whose_is_ones_own_or_all_that_one_sees(cast: Cast) -> None:
    mine = cast.contacts(1).get()
    colleagues = ContactFactory.create(owner=cast.colleague, department=cast.department)

    assert found(cast, whose="mine") == [mine.pk]
    assert found(cast, whose="all") == [mine.pk, colleagues.pk]


def test_form_begins_with_ones_own_and_a_superusers_with_all(cast: Cast) -> None:
    assert AudienceForm.beginning(cast.owner) == {"whose": "mine"}
    assert AudienceForm.beginning(SuperuserFactory.create()) == {"whose": "all"}


@pytest.mark.parametrize(
    ("days", "number"),
    [
        ({"created_after": "2026-05-02"}, 1),
        ({"created_before": "2026-05-02"}, 1),
        ({"created_after": "2026-05-02", "created_before": "2026-05-02"}, 1),
        ({"created_before": "2026-05-01"}, 0),
        ({"created_after": "2026-05-03"}, 0),
    ],
)
def test_days_of_creation_are_included(cast: Cast, days: dict[str, str], number: int) -> None:
    moment = datetime(2026, 5, 2, 23, 59, tzinfo=UTC)
    ContactFactory.create(owner=cast.owner, creation_date=moment)

    assert len(found(cast, **days)) == number


def test_crossed_days_are_refused_at_the_field(cast: Cast) -> None:
    data = {"whose": "all", "created_after": "2026-05-02", "created_before": "2026-05-01"}

    form = AudienceForm(Contact, cast.owner, data)

    assert form.errors == {
        "created_before": ["These dates are crossed over: this day is before the other one."]
    }


@pytest.mark.parametrize(
    "data",
    [
        {"created_after": "yesterday"},
        {"created_before": "9999-12-31"},
        {"created_after": "0001-01-01"},
        {"whose": "theirs"},
        {"whose": ""},
        {"by_country": ["x"]},
        {"by_country": ["99999999999999999999"]},
        {"by_company__industry": ["12"]},
    ],
)
def test_nonsense_is_refused_at_its_field(cast: Cast, data: dict[str, object]) -> None:
    form = AudienceForm(Contact, cast.owner, {"whose": "all"} | data)

    assert list(form.errors) == list(data)


def test_values_are_those_of_people_whom_the_user_sees(cast: Cast) -> None:
    used, foreign, _unused = (CountryFactory.create() for _ in range(3))
    ContactFactory.create(owner=cast.colleague, department=cast.department, country=used)
    ContactFactory.create(owner=cast.stranger, country=foreign)

    form = form_for(cast)

    assert [str(box.choice_label) for box in form["by_country"]] == [used.name]
    assert [field.name for field in form.filter_fields()] == ["by_country"]


def test_open_form_is_not_changed_by_another_users(cast: Cast) -> None:
    country = CountryFactory.create()
    ContactFactory.create(owner=cast.owner, country=country)
    mine = AudienceForm(Contact, cast.owner, {"whose": "mine", "by_country": [country.pk]})

    AudienceForm(Lead, cast.stranger, {"whose": "all"})

    assert mine.is_valid()
    assert "by_country" not in AudienceForm.base_fields


@pytest.mark.parametrize("model", recipient_models())
def test_form_asks_one_question_a_filter_for_any_number(cast: Cast, model) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            form_for(cast, model).filter_fields()
        return len(queries)

    questions()  # who the user is, is remembered
    before = questions()
    for _ in range(5):
        country = CountryFactory.create()
        ContactFactory.create(owner=cast.owner, country=country)

    assert before == questions() == len(model.FILTERS)


def test_name_is_asked(cast: Cast) -> None:
    form = NewMailingOutForm(Contact, cast.owner, {"whose": "mine", "name": " "})

    assert form.errors == {"name": ["Give it a name, so that you find it again."]}
