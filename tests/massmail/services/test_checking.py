"""The check of every recipient: what it finds, what its stamp belongs to, how it is run."""

import pytest

from crm.models import Contact
from massmail import tasks
from massmail.clock import database_now
from massmail.models import AudienceCheck, Delivery, EmailAccount, EmlMessage, MailingOut
from massmail.services import audience_changes, checking, versions
from massmail.services.checking import Finding
from massmail.utils.email_creators import MessageError, compile_message
from massmail.views.message_card import message_card
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    PictureFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft() -> MailingOut:
    """Five people, the first two without a first name."""
    owner = UserFactory.create()
    EmailAccountFactory.create(owner=owner)
    for place in range(5):
        ContactFactory.create(owner=owner, first_name="" if place < 2 else "Zoë")
    message = EmlMessageFactory.create(
        owner=owner, content="<p>Dear {{ first_name|default:'there' }}</p>"
    )
    return MailingOut.objects.create_for(
        Contact.objects.all(), owner=owner, message=message, name="Spring"
    )


def examined(draft: MailingOut) -> dict[str, Finding]:
    assert draft.message is not None
    message = compile_message(versions.source_of(draft.message))
    return checking.examine(draft, message, now=database_now()).findings


def ids(draft: MailingOut, *places: int) -> list[int]:
    rows = list(draft.deliveries.order_by("recipient_id").values_list("pk", flat=True))
    return [rows[place] for place in places]


def stamp(draft: MailingOut) -> str:
    found = MailingOut.objects.select_related("message__signature").get(pk=draft.pk)
    assert found.message is not None
    return checking.stamp_of(found, versions.source_of(found.message))


# --- what is found


def test_mail_is_built_with_its_salutation(draft: MailingOut) -> None:
    greetings, letters = "{{ salutation }}" * 30, "x" * 30
    EmlMessage.objects.update(content=f"<p>{letters}</p>")
    plain = examined(MailingOut.objects.get())["size:"].number
    EmlMessage.objects.update(content=f"<p>{greetings}</p>")

    assert examined(MailingOut.objects.get())["size:"].number > plain


def test_check_of_linked_pictures_holds(draft: MailingOut) -> None:
    picture = PictureFactory.create(owner=draft.owner)
    EmlMessage.objects.update(content=f'<img alt="" src="{picture.tag}">')
    MailingOut.objects.update(pictures=MailingOut.Pictures.LINKED)
    linked = MailingOut.objects.select_related("message__signature").get()

    row = checking.check(linked, now=database_now())

    shown = message_card(linked, [])
    assert shown.source is not None
    assert shown.links_pictures
    assert row.stamp == checking.stamp_of(linked, shown.source)


def test_missing_variables_are_counted_by_name(draft: MailingOut) -> None:
    finding = examined(draft)["missing:first_name"]

    assert (finding.number, finding.shown) == (2, ids(draft, 0, 1))


def test_mail_that_cannot_be_built_is_found_with_the_reason(draft: MailingOut) -> None:
    victim = Contact.objects.order_by("pk")[3]
    Contact.objects.filter(pk=victim.pk).update(email="zoë@example.com")

    finding = examined(draft).get("unbuildable:smtputf8")

    assert finding is not None
    assert (finding.number, finding.shown) == (1, ids(draft, 3))
    assert finding.text


def test_deleted_people_are_found(draft: MailingOut) -> None:
    Contact.objects.order_by("pk")[4].delete()

    assert examined(draft)["deleted:"].shown == ids(draft, 4)


def test_largest_mail_is_measured(draft: MailingOut) -> None:
    assert 500 < examined(draft)["size:"].number < 10_000


def test_who_is_left_out_is_not_checked(draft: MailingOut) -> None:
    audience_changes.leave_out(draft, rows=Delivery.objects.filter(pk__in=ids(draft, 0)))

    assert examined(draft)["missing:first_name"].number == 1


def test_statements_do_not_grow_with_the_people(
    draft: MailingOut, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(6):
        examined(draft)


def test_check_ends_when_nobody_wants_it_any_more(draft: MailingOut, monkeypatch) -> None:
    monkeypatch.setattr(checking, "ROWS_AT_ONCE", 2)
    assert draft.message is not None
    message = compile_message(versions.source_of(draft.message))
    told: list[int] = []

    def report(number: int) -> bool:
        told.append(number)
        return number < 4

    found = checking.examine(draft, message, now=database_now(), report=report)

    assert (told, found.number) == ([2, 4], 4)


def test_people_of_a_finding_come_in_chunks(draft: MailingOut, monkeypatch) -> None:
    monkeypatch.setattr(checking, "ROWS_AT_ONCE", 1)

    found = list(checking.concerned(draft, "missing:first_name", now=database_now()))

    assert found == [ids(draft, 0), ids(draft, 1)]
    assert list(checking.concerned(draft, "missing:nothing", now=database_now())) == []
    assert list(checking.concerned(draft, "unbuildable:local", now=database_now())) == []


# --- what was kept


def test_check_is_kept_with_its_stamp(draft: MailingOut) -> None:
    row = checking.check(draft, now=database_now())

    assert row.checked_at is not None
    assert (row.checked_number, row.stamp) == (5, stamp(draft))
    assert {each.key for each in checking.findings_of(row)} == {"missing:first_name", "size:"}


def _edit(draft: MailingOut) -> None:
    EmlMessage.objects.update(subject="Other")


def _leave_out(draft: MailingOut) -> None:
    audience_changes.leave_out(draft, rows=Delivery.objects.filter(pk__in=ids(draft, 0)))


def _rename_sender(draft: MailingOut) -> None:
    EmailAccount.objects.update(from_email="Other <other@example.org>")


@pytest.mark.parametrize("change", [_edit, _leave_out, _rename_sender])
def test_stamp_changes_with_message_audience_and_sender(draft: MailingOut, change) -> None:
    before = stamp(draft)
    change(draft)
    assert stamp(draft) != before


def test_stamp_changes_when_one_takes_the_place_of_another(draft: MailingOut) -> None:
    _leave_out(draft)
    before = stamp(draft)
    audience_changes.put_back(draft, rows=Delivery.objects.filter(pk__in=ids(draft, 0)))
    audience_changes.leave_out(draft, rows=Delivery.objects.filter(pk__in=ids(draft, 2)))
    assert stamp(draft) != before


def test_stamp_stays_while_nothing_changes(draft: MailingOut) -> None:
    assert stamp(draft) == stamp(draft)


def test_noted_check_is_done_by_a_task(draft: MailingOut) -> None:
    checking.note(draft, now=database_now())

    tasks.check_audience(draft.pk)
    tasks.check_audience(draft.pk)  # delivered twice: nothing more to do

    row = AudienceCheck.objects.exclude(checked_at=None).get()
    assert row.checked_number == 5


def test_task_for_what_is_gone_does_nothing(db) -> None:
    tasks.check_audience(4711)
    assert not AudienceCheck.objects.exists()


def test_newer_check_wins(draft: MailingOut) -> None:
    old = checking.note(draft, now=database_now())
    new = checking.note(draft, now=database_now())

    checking.run(old)

    new.refresh_from_db()
    assert (new.checked_at, new.checked_number) == (None, 0)


def test_message_that_broke_meanwhile_ends_the_check(draft: MailingOut) -> None:
    checking.note(draft, now=database_now())
    EmlMessage.objects.update(content="{% if %}")

    checking.run_noted(draft.pk)

    assert not AudienceCheck.objects.exists()


def test_message_that_does_not_compile_is_refused(draft: MailingOut) -> None:
    EmlMessage.objects.update(content="{% if %}")
    draft = MailingOut.objects.get(pk=draft.pk)

    with pytest.raises(MessageError):
        checking.check(draft, now=database_now())
