import pytest
from django.utils import timezone

from crm.models import Company, Contact
from massmail.models import (
    EmailAccount,
    EmlMessage,
    MailingOut,
    MassContact,
    Signature,
)
from massmail.services import ownership
from tests.factories import (
    ContactFactory,
    DepartmentFactory,
    MassContactFactory,
    SignatureFactory,
)
from tests.massmail.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_given_people_belong_to_the_new_owner_and_department(cast):
    people = cast.contacts(2)

    number = ownership.give(people, to=cast.stranger, by=cast.owner)

    department = cast.stranger.groups.exclude(name="managers").get()
    values = set(people.values_list("owner", "department", "modified_by"))
    assert (number, values) == (2, {(cast.stranger.pk, department.pk, cast.owner.pk)})


def test_department_stays_where_the_new_owner_belongs_to_it(cast):
    earlier = DepartmentFactory.create()
    cast.colleague.groups.add(earlier)
    people = cast.contacts(1)

    ownership.give(people, to=cast.colleague, by=cast.owner)

    assert people.get().department == cast.department


def test_new_owner_without_department(cast):
    people = cast.contacts(1)

    ownership.give(people, to=cast.superuser, by=cast.owner)

    assert people.get().department is None


def test_company_takes_its_contacts_along(cast):
    contact = ContactFactory.create(company=cast.company(), owner=cast.owner)
    elsewhere = ContactFactory.create(owner=cast.owner)
    companies = Company.objects.filter(pk=contact.company.pk)

    along = ownership.count_along(companies)
    ownership.give(companies, to=cast.colleague, by=cast.owner)

    owners = Contact.objects.in_bulk([contact.pk, elsewhere.pk])
    assert along == 1
    assert owners[contact.pk].owner == cast.colleague
    assert owners[elsewhere.pk].owner == cast.owner


def test_people_listed_by_owner_are_all_given(cast):
    contact = ContactFactory.create(company=cast.company(), owner=cast.owner)
    MassContactFactory.create(content_object=contact.company, email_account=cast.account())

    number = ownership.give(
        Company.objects.filter(owner=cast.owner, pk=contact.company.pk),
        to=cast.colleague,
        by=cast.owner,
    )

    contact.refresh_from_db()
    assert (number, contact.owner) == (1, cast.colleague)
    assert MassContact.objects.get().email_account is None


def test_people_are_untied_from_accounts_that_the_new_owner_may_not_use(cast):
    people = cast.contacts(3)
    private, shared, main = cast.account(), cast.account(shared=True), cast.account(main=True)
    rows = [
        MassContactFactory.create(content_object=person, email_account=account, massmail=False)
        for person, account in zip(people.order_by("pk"), (private, shared, main), strict=True)
    ]

    ownership.give(people, to=cast.colleague, by=cast.owner)

    after = [MassContact.objects.get(pk=row.pk) for row in rows]
    assert [row.email_account for row in after] == [None, shared, None]
    assert [(row.massmail, row.uuid) for row in after] == [(False, row.uuid) for row in rows]


def test_untied_people_get_an_account_of_the_new_owner_at_the_next_start(cast):
    people = cast.contacts(1)
    MassContactFactory.create(content_object=people[0], email_account=cast.account())
    ownership.give(people, to=cast.stranger, by=cast.owner)
    theirs = cast.account()
    EmailAccount.objects.filter(pk=theirs.pk).update(owner=cast.stranger)

    mailing_out = MailingOut.objects.create_for(
        people, owner=cast.stranger, message=cast.message(), name="Hello"
    )
    mailing_out.start()

    assert MassContact.objects.get().email_account_id == theirs.pk


def test_drafts_are_given_but_nothing_that_was_started(cast):
    draft, started = cast.draft(), cast.started()

    number = ownership.give(MailingOut.objects.all(), to=cast.colleague, by=cast.owner)

    draft.refresh_from_db()
    started.refresh_from_db()
    assert (number, draft.owner, started.owner) == (1, cast.colleague, cast.owner)


def test_given_signature_is_nobodys_default(cast):
    SignatureFactory.create(owner=cast.colleague, default=True)
    SignatureFactory.create(owner=cast.owner, default=True)

    ownership.give(Signature.objects.filter(owner=cast.owner), to=cast.colleague, by=cast.owner)

    defaults = Signature.objects.filter(owner=cast.colleague).values_list("default", flat=True)
    assert sorted(defaults) == [False, True]


# --- everything


def test_transfer_leaves_the_user_with_nothing(cast):
    cast.started()
    cast.message()
    SignatureFactory.create(owner=cast.owner, default=True)
    before = ownership.owned_by(cast.owner)

    given = ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)

    assert (given, ownership.owned_by(cast.owner)) == (before, {})
    assert set(given) >= {Company, Contact, EmailAccount, EmlMessage, MailingOut, Signature}


def test_transfer_lets_the_user_be_deleted(cast):
    mailing_out = cast.started()

    ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)
    cast.owner.delete()

    mailing_out.refresh_from_db()
    assert mailing_out.owner == cast.colleague


def test_transfer_keeps_what_runs_running_with_the_same_accounts(cast):
    mailing_out = cast.started(number=2)
    account = EmailAccount.objects.get()

    ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)

    mailing_out.refresh_from_db()
    account.refresh_from_db()
    accounts = set(mailing_out.deliveries.values_list("email_account", flat=True))
    assert (mailing_out.is_active, account.owner, accounts) == (
        True,
        cast.colleague,
        {account.pk},
    )


def test_transfer_keeps_one_main_account(cast):
    old, new = cast.account(main=True), cast.account()
    EmailAccount.objects.filter(pk=new.pk).update(owner=cast.colleague, main=True)
    person = cast.contacts(1)[0]
    MassContactFactory.create(content_object=person, email_account=old)

    ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)

    old.refresh_from_db()
    assert (old.owner, old.main, old.massmail, old.off_reason) == (
        cast.colleague,
        False,
        False,
        "by hand",
    )
    assert MassContact.objects.get().email_account_id == new.pk


def test_transfer_of_the_only_main_account_keeps_it_main(cast):
    old = cast.account(main=True)

    ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)

    old.refresh_from_db()
    assert (old.owner, old.main, old.massmail) == (cast.colleague, True, True)


def test_transfer_keeps_one_default_signature(cast):
    for user in (cast.owner, cast.colleague):
        SignatureFactory.create(owner=user, default=True)

    ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)

    assert Signature.objects.filter(owner=cast.colleague, default=True).count() == 1


def test_transfer_takes_over_what_was_co_owned(cast):
    account, own = cast.account(), cast.account()
    EmailAccount.objects.filter(pk=account.pk).update(owner=cast.stranger, co_owner=cast.owner)
    EmailAccount.objects.filter(pk=own.pk).update(co_owner=cast.colleague)

    ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)

    account.refresh_from_db()
    own.refresh_from_db()
    assert (account.owner, account.co_owner) == (cast.stranger, cast.colleague)
    assert (own.owner, own.co_owner) == (cast.colleague, None)


def test_transfer_is_said_to_have_happened_now(cast):
    EmailAccount.objects.filter(pk=cast.account().pk).update(owner=cast.colleague, main=True)
    old = cast.account(main=True)

    ownership.transfer(cast.owner, to=cast.colleague, by=cast.superuser)

    old.refresh_from_db()
    assert abs((timezone.now() - old.off_at).total_seconds()) < 60
