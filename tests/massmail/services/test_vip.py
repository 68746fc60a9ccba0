import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Contact, Lead
from massmail.models import MassContact
from massmail.services import vip
from tests.factories import LeadFactory, MassContactFactory
from tests.guests.models import Guest
from tests.massmail.cast import Cast, make_cast
from tests.massmail.services.test_ledger_races import at_once, races

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def accounts_of(people) -> list[int | None]:
    rows = MassContact.objects.filter(
        content_type=ContentType.objects.get_for_model(people.model),
        object_id__in=people.values("pk"),
    )
    return list(rows.order_by("object_id").values_list("email_account", flat=True))


def test_people_point_to_the_main_account_of_the_user(cast):
    cast.account()
    main = cast.account(main=True)
    people = cast.contacts(3)
    MassContactFactory.create(content_object=people[0], email_account=cast.account())

    number = vip.specify(people, owner=cast.owner)

    assert (number, accounts_of(people)) == (3, [main.pk] * 3)


def test_only_the_chosen_type_and_people_are_touched(cast):
    cast.account(main=True)
    people = cast.contacts(2)
    lead = LeadFactory.create(pk=people[0].pk)

    vip.specify(people.filter(pk=people[0].pk), owner=cast.owner)

    assert MassContact.objects.get().content_object == people.get(pk=people[0].pk)
    assert accounts_of(Lead.objects.filter(pk=lead.pk)) == []


def test_opt_out_and_link_are_kept(cast):
    cast.account(main=True)
    people = cast.contacts(1)
    row = MassContactFactory.create(content_object=people[0], massmail=False)

    vip.specify(people, owner=cast.owner)
    vip.remove(people, owner=cast.owner)

    after = MassContact.objects.get()
    assert (after.massmail, after.uuid, after.email_account) == (False, row.uuid, None)


def test_twice_changes_nothing(cast):
    cast.account(main=True)
    people = cast.contacts(2)

    assert [vip.specify(people, owner=cast.owner) for _ in range(2)] == [2, 0]
    assert MassContact.objects.count() == 2


def test_new_links_differ(cast):
    cast.account(main=True)

    vip.specify(cast.contacts(3), owner=cast.owner)

    assert len({row.uuid for row in MassContact.objects.all()}) == 3


def test_without_main_account_it_is_refused(cast):
    cast.account()

    with pytest.raises(vip.NoMainAccount):
        vip.specify(cast.contacts(1), owner=cast.owner)

    assert not MassContact.objects.exists()


def test_superuser_without_main_account_uses_nobody_elses(cast):
    cast.account(main=True)

    with pytest.raises(vip.NoMainAccount):
        vip.specify(cast.contacts(1), owner=cast.superuser)


@pytest.mark.parametrize("number", [1, 30])
def test_statements_do_not_grow_with_the_people(cast, number):
    cast.account(main=True)
    people = cast.contacts(number)
    ContentType.objects.get_for_model(Contact)

    with CaptureQueriesContext(connection) as specified:
        vip.specify(people, owner=cast.owner)
    with CaptureQueriesContext(connection) as removed:
        vip.remove(people, owner=cast.owner)

    assert (len(specified), len(removed)) == (2, 1)


def test_remove_leaves_others_alone(cast):
    main, other = cast.account(main=True), cast.account()
    people = cast.contacts(3)
    for person, account in zip(people, (main, other, None), strict=True):
        MassContactFactory.create(content_object=person, email_account=account)

    number = vip.remove(people, owner=cast.owner)

    assert (number, sorted(accounts_of(people), key=str)) == (1, [other.pk, None, None])


def test_remove_spares_the_vips_of_others(cast):
    main = cast.account(main=True)
    people = cast.contacts(1)
    MassContactFactory.create(content_object=people[0], email_account=main)

    assert vip.remove(people, owner=cast.colleague) == 0
    assert accounts_of(people) == [main.pk]


def test_any_type_of_recipient_can_be_vip(cast):
    main = cast.account(main=True)
    Guest.objects.create(owner=cast.owner, guest_name="Zoë", email="zoe@example.com")

    vip.specify(Guest.objects.all(), owner=cast.owner)

    assert accounts_of(Guest.objects.all()) == [main.pk]


class TestRaces:
    pytestmark = races

    def test_two_at_once_make_one_row_for_each(self, transactional_db):
        cast = make_cast()
        cast.account(main=True)
        ids = list(cast.contacts(200).values_list("pk", flat=True))

        at_once(
            lambda: vip.specify(Contact.objects.filter(pk__in=ids), owner=cast.owner),
            lambda: vip.specify(Contact.objects.filter(pk__in=ids[100:]), owner=cast.owner),
        )

        assert MassContact.objects.count() == 200
