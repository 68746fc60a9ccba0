"""People added to a draft, left out by hand and put back: the rows and the sums."""

from collections.abc import Callable

import pytest

from crm.models import Contact
from massmail.errors import IllegalTransition
from massmail.models import Delivery, MailingOut, SkipReason
from massmail.services import audience, audience_changes
from tests.factories import ContactFactory, EmailAccountFactory, EmlMessageFactory
from tests.massmail.campaigns import refreshed
from tests.massmail.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def draft(cast: Cast) -> MailingOut:
    return cast.draft(number=3)


def people(*emails: str, cast: Cast) -> list[Contact]:
    return [ContactFactory.create(owner=cast.owner, email=email) for email in emails]


def queryset(contacts: list[Contact]):
    return Contact.objects.filter(pk__in=[contact.pk for contact in contacts])


def draft_to(contacts: list[Contact], cast: Cast, **values) -> MailingOut:
    values = {"message": None, "name": "News"} | values
    return MailingOut.objects.create_for(queryset(contacts), owner=cast.owner, **values)


def rows_of(draft: MailingOut, *contacts: Contact):
    return draft.deliveries.filter(recipient_id__in=[contact.pk for contact in contacts])


def reasons(draft: MailingOut) -> dict[int, str]:
    refreshed(draft)
    return dict(draft.deliveries.values_list("recipient_id", "reason"))


# --- adding


def test_added_people_have_rows_like_the_first(cast: Cast, draft: MailingOut) -> None:
    account = EmailAccountFactory.create(owner=cast.owner)
    new = people("a@example.com", "nobody", cast=cast)

    number = audience_changes.add(draft, people=queryset(new))

    assert (number, refreshed(draft).recipients_number) == (2, 5)
    rows = list(rows_of(draft, *new).order_by("recipient_id"))
    assert [row.reason for row in rows] == ["", SkipReason.NO_ADDRESS]
    assert (rows[0].email_account_id, rows[0].address_key) == (account.pk, "a@example.com")


def test_who_is_there_already_is_not_added_again(cast: Cast, draft: MailingOut) -> None:
    everybody = Contact.objects.all()
    before = reasons(draft)

    assert audience_changes.add(draft, people=everybody) == 0
    assert reasons(draft) == before


def test_same_address_as_one_of_the_first_is_a_duplicate(cast: Cast) -> None:
    first, second = people("a@example.com", "A@example.com", cast=cast)
    draft = draft_to([first], cast)

    audience_changes.add(draft, people=queryset([second]))

    assert reasons(draft) == {first.pk: "", second.pk: SkipReason.DUPLICATE}


def test_one_who_can_be_written_to_stands_for_one_who_cannot(cast: Cast) -> None:
    first, second = people("a@example.com", "a@example.com", cast=cast)
    Contact.objects.filter(pk=first.pk).update(disqualified=True)
    draft = draft_to([first], cast)

    audience_changes.add(draft, people=queryset([second]))

    assert reasons(draft) == {first.pk: SkipReason.DUPLICATE, second.pk: ""}
    assert rows_of(draft, second).get().status == Delivery.Status.PENDING


def test_people_found_twice_are_added_once(cast: Cast, draft: MailingOut) -> None:
    (new,) = people("a@example.com", cast=cast)
    twice = Contact.objects.filter(company__contacts__company=new.company_id)
    ContactFactory.create(owner=cast.owner, company=new.company)

    assert audience_changes.add(draft, people=twice) == 2


def test_imported_people_have_their_addresses_read(cast: Cast, draft: MailingOut) -> None:
    (new,) = people("a@example.com", cast=cast)
    Contact.objects.filter(pk=new.pk).update(email="B@Example.com", address_key=None)

    audience_changes.add(draft, people=queryset([new]))

    assert rows_of(draft, new).get().address_key == "b@example.com"


def test_many_are_added_in_a_task(cast: Cast, draft: MailingOut) -> None:
    EmailAccountFactory.create(owner=cast.owner)
    new = people("a@example.com", "b@example.com", cast=cast)

    audience_changes.add_later(draft, people=queryset(new))
    draft.refresh_from_db()
    prepared = (draft.preparing, draft.recipients_number)
    audience.write_chosen(draft)

    assert prepared == (MailingOut.Preparing.AUDIENCE, 3)
    assert refreshed(draft).recipients_number == 5
    assert (draft.preparing, draft.chosen.count()) == ("", 0)


@pytest.mark.parametrize(("number", "large"), [(7, False), (8, True)])
def test_large_is_what_a_page_does_not_wait_for(
    draft: MailingOut, monkeypatch: pytest.MonkeyPatch, number: int, large: bool
) -> None:
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 10)

    assert audience_changes.is_large(draft, number) is large


# --- leaving out and putting back


def test_left_out_are_skipped_with_the_reason(draft: MailingOut) -> None:
    row = draft.deliveries.order_by("pk").first()
    assert row is not None

    number = audience_changes.leave_out(draft, rows=draft.deliveries.filter(pk=row.pk))

    row.refresh_from_db()
    assert (number, row.status, row.reason) == (1, "skipped", SkipReason.LEFT_OUT)
    assert (refreshed(draft).pending_count, draft.skipped_count) == (2, 1)


def test_leaving_out_twice_counts_once(draft: MailingOut) -> None:
    numbers = [audience_changes.leave_out(draft, rows=draft.deliveries.all()) for _ in range(2)]

    assert numbers == [3, 0]
    assert refreshed(draft).skipped_count == 3


def test_whoever_has_the_address_is_left_out_with_them(cast: Cast) -> None:
    stands, follows, other = people("a@example.com", "a@example.com", "b@example.com", cast=cast)
    draft = draft_to([stands, follows, other], cast)

    number = audience_changes.leave_out(draft, rows=rows_of(draft, follows))

    assert number == 1
    assert reasons(draft) == {
        stands.pk: SkipReason.LEFT_OUT,
        follows.pk: SkipReason.DUPLICATE,
        other.pk: "",
    }


def test_left_out_stay_so_through_whatever_makes_the_rows_anew(cast: Cast) -> None:
    EmailAccountFactory.create(owner=cast.owner)
    out, same, kept = people("a@example.com", "a@example.com", "b@example.com", cast=cast)
    draft = draft_to([out, same, kept], cast, message=EmlMessageFactory.create(owner=cast.owner))
    audience_changes.leave_out(draft, rows=rows_of(draft, out))

    audience.refresh(draft)
    audience_changes.add(draft, people=queryset(people("A@example.com", cast=cast)))
    draft.refresh_from_db()
    draft.start()

    waiting = draft.deliveries.filter(status=Delivery.Status.PENDING)
    assert [row.recipient_id for row in waiting] == [kept.pk]
    assert reasons(draft)[out.pk] == SkipReason.LEFT_OUT


def test_left_out_stay_so_when_their_address_changes(cast: Cast) -> None:
    out, same = people("a@example.com", "a@example.com", cast=cast)
    draft = draft_to([out, same], cast)
    audience_changes.leave_out(draft, rows=rows_of(draft, out, same))
    Contact.objects.filter(pk=same.pk).update(email="c@example.com", address_key="c@example.com")

    audience.refresh(draft)

    assert set(reasons(draft).values()) == {SkipReason.LEFT_OUT}


def test_put_back_are_written_to_again(cast: Cast, draft: MailingOut) -> None:
    EmailAccountFactory.create(owner=cast.owner)
    audience_changes.leave_out(draft, rows=draft.deliveries.all())
    row = draft.deliveries.order_by("pk")[:1]

    number = audience_changes.put_back(draft, rows=draft.deliveries.filter(pk__in=row.values("pk")))

    assert (number, refreshed(draft).pending_count) == (1, 1)
    assert draft.deliveries.get(status=Delivery.Status.PENDING).email_account is not None


def test_put_back_takes_those_with_the_address_along(cast: Cast) -> None:
    stands, follows = people("a@example.com", "a@example.com", cast=cast)
    draft = draft_to([stands, follows], cast)
    audience_changes.leave_out(draft, rows=rows_of(draft, stands))

    number = audience_changes.put_back(draft, rows=rows_of(draft, follows))

    assert number == 1
    assert reasons(draft) == {stands.pk: "", follows.pk: SkipReason.DUPLICATE}


def test_put_back_who_unsubscribed_meanwhile_stays_out_for_that(cast: Cast) -> None:
    (person,) = people("a@example.com", cast=cast)
    draft = draft_to([person], cast)
    audience_changes.leave_out(draft, rows=draft.deliveries.all())
    Contact.objects.filter(pk=person.pk).update(massmail=False)

    audience_changes.put_back(draft, rows=draft.deliveries.filter(left_out=True))

    assert reasons(draft) == {person.pk: SkipReason.UNSUBSCRIBED}
    assert not draft.deliveries.filter(left_out=True).exists()


def test_rows_of_another_mailing_out_are_not_touched(cast: Cast, draft: MailingOut) -> None:
    other = cast.draft(number=2)

    audience_changes.leave_out(draft, rows=other.deliveries.all())

    assert (refreshed(draft).skipped_count, refreshed(other).skipped_count) == (0, 0)


# --- who got it already


def test_who_got_the_message_from_anybody_is_left_out(cast: Cast) -> None:
    (person, other) = people("a@example.com", "b@example.com", cast=cast)
    message = cast.message()
    earlier = MailingOut.objects.create_for(
        queryset([person]), owner=cast.colleague, message=message, name="Earlier"
    )
    earlier.deliveries.update(status=Delivery.Status.SENT)
    audience.recount(earlier)
    draft = draft_to([person, other], cast, message=message)
    MailingOut.objects.filter(pk=draft.pk).update(exclude_already_received=False)
    draft.refresh_from_db()
    audience.refresh(draft)
    before = reasons(draft)

    number = audience_changes.leave_out_who_got_it(draft)

    assert set(before.values()) == {""}
    assert number == 1
    assert reasons(draft) == {person.pk: SkipReason.ALREADY_RECEIVED, other.pk: ""}


def test_without_a_message_nobody_can_have_got_it(cast: Cast) -> None:
    draft = draft_to(people("a@example.com", cast=cast), cast)

    with pytest.raises(audience_changes.NoMessage, match="Choose a message first"):
        audience_changes.leave_out_who_got_it(draft)


# --- only drafts

CHANGES: dict[str, Callable[[MailingOut], object]] = {
    "add": lambda draft: audience_changes.add(draft, people=Contact.objects.all()),
    "add_later": lambda draft: audience_changes.add_later(draft, people=Contact.objects.all()),
    "leave_out": lambda draft: audience_changes.leave_out(draft, rows=draft.deliveries.all()),
    "put_back": lambda draft: audience_changes.put_back(draft, rows=draft.deliveries.all()),
    "got_it": audience_changes.leave_out_who_got_it,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("state", ["started", "preparing"])
def test_what_is_no_draft_is_refused(cast: Cast, change: str, state: str) -> None:
    if state == "started":
        mailing_out = cast.started(number=2)
    else:
        mailing_out = cast.draft(number=2)
        MailingOut.objects.filter(pk=mailing_out.pk).update(preparing="start")
    ContactFactory.create(owner=cast.owner)
    before = list(Delivery.objects.order_by("pk").values())

    with pytest.raises(IllegalTransition):
        CHANGES[change](mailing_out)

    assert list(Delivery.objects.order_by("pk").values()) == before


def test_thousands_who_got_it_are_left_out_at_once(
    cast: Cast, django_assert_max_num_queries
) -> None:
    company, message = cast.company(), cast.message()
    made = Contact.objects.bulk_create(
        ContactFactory.build(owner=cast.owner, company=company, email=f"c{number}@example.com")
        for number in range(1_500)
    )
    everybody = Contact.objects.filter(company=company)
    earlier = MailingOut.objects.create_for(
        everybody, owner=cast.owner, message=message, name="Earlier"
    )
    draft = MailingOut.objects.create_for(
        everybody, owner=cast.owner, message=message, name="Again"
    )
    earlier.deliveries.update(status=Delivery.Status.SENT)

    with django_assert_max_num_queries(32):
        number = audience_changes.leave_out_who_got_it(draft)

    assert number == len(made)
    assert refreshed(draft).recipients_number == draft.skipped_count == len(made)


def test_number_of_statements_does_not_grow(cast: Cast, django_assert_max_num_queries) -> None:
    draft = cast.draft(number=10)
    new = cast.contacts(10)

    with django_assert_max_num_queries(32):
        audience_changes.add(draft, people=new)
    with django_assert_max_num_queries(7):
        audience_changes.leave_out(draft, rows=draft.deliveries.all())
    with django_assert_max_num_queries(32):
        audience_changes.put_back(draft, rows=draft.deliveries.all())
