import pytest
from django.core.files.base import ContentFile

from common.models import TheFile
from crm.models import Company, Contact, Lead
from crm.services import duplicates
from massmail.models import MassContact
from tests.factories import (
    CityFactory,
    CompanyFactory,
    ContactFactory,
    CountryFactory,
    IndustryFactory,
    LeadFactory,
    MassContactFactory,
    TagFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return UserFactory.create()


def test_one_is_kept_and_the_others_are_gone(user):
    kept, *others = (ContactFactory.create(owner=user) for _ in range(3))

    duplicates.merge(kept, others, by=user)

    kept.refresh_from_db()
    assert (list(Contact.objects.all()), kept.modified_by) == ([kept], user)


def test_what_is_lacking_is_filled_in(user):
    kept = LeadFactory.create(owner=user, title="", company_name="Ours", last_name="")
    first = LeadFactory.create(owner=user, title="", company_name="Theirs", last_name="Nowak")
    second = LeadFactory.create(owner=user, title="Head", last_name="Kowalski")

    duplicates.merge(kept, [first, second], by=user)

    kept.refresh_from_db()
    assert (kept.title, kept.company_name, kept.last_name) == ("Head", "Ours", "Nowak")


def test_place_stays_as_it_is(user):
    kept = LeadFactory.create(owner=user, country=CountryFactory.create())
    city = CityFactory.create()
    other = LeadFactory.create(owner=user, city=city, country=city.country)

    duplicates.merge(kept, [other], by=user)

    kept.refresh_from_db()
    assert kept.city is None
    kept.full_clean(exclude=["email"])


def test_tags_and_industries_come_together(user):
    kept, other = (CompanyFactory.create(owner=user) for _ in range(2))
    tag, industry = TagFactory.create(), IndustryFactory.create()
    other.tags.add(tag)
    other.industry.add(industry)

    duplicates.merge(kept, [other], by=user)

    assert (kept.tags.get(), kept.industry.get()) == (tag, industry)


def test_contacts_follow_to_the_kept_company(user):
    kept = CompanyFactory.create(owner=user)
    contact = ContactFactory.create(owner=user)

    duplicates.merge(kept, [contact.company], by=user)

    contact.refresh_from_db()
    assert (contact.company, Company.objects.get()) == (kept, kept)


def test_files_follow(user):
    kept, other = (ContactFactory.create(owner=user) for _ in range(2))
    row = TheFile.objects.create(content_object=other, file=ContentFile(b"x", "notes.txt"))

    duplicates.merge(kept, [other], by=user)

    row.refresh_from_db()
    assert row.content_object == kept


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(("field", "value"), [("massmail", False), ("disqualified", True)], ids=str)
def test_opt_out_and_disqualification_win(user, field, value, place):
    pair = [ContactFactory.create(owner=user) for _ in range(2)]
    Contact.objects.filter(pk=pair[place].pk).update(**{field: value})

    duplicates.merge(pair[0], pair[1:], by=user)

    pair[0].refresh_from_db()
    assert getattr(pair[0], field) is value


def test_links_of_the_deleted_go_on_working(user, client):
    kept, other = (ContactFactory.create(owner=user) for _ in range(2))
    old = MassContactFactory.create(content_object=other)

    duplicates.merge(kept, [other], by=user)
    response = client.post(f"/unsubscribe/{old.uuid}/", {"List-Unsubscribe": "One-Click"})

    kept.refresh_from_db()
    assert (response.status_code, kept.massmail) == (200, False)
    assert MassContact.objects.count() == 2


def test_one_alone_is_refused(user):
    lead = LeadFactory.create(owner=user)

    with pytest.raises(duplicates.MergeRefused):
        duplicates.merge(lead, [lead], by=user)

    assert Lead.objects.exists()


def test_too_many_are_refused(user, monkeypatch):
    monkeypatch.setattr(duplicates, "AT_MOST", 2)
    kept, *others = (LeadFactory.create(owner=user) for _ in range(3))

    with pytest.raises(duplicates.MergeRefused):
        duplicates.merge(kept, others, by=user)

    assert Lead.objects.count() == 3


def test_one_that_is_gone_is_refused(user):
    kept, other = (LeadFactory.create(owner=user) for _ in range(2))
    Lead.objects.filter(pk=other.pk).delete()

    with pytest.raises(duplicates.MergeRefused):
        duplicates.merge(kept, [other], by=user)
