import pytest

from crm.models import Lead
from massmail.models import Delivery, MailingOut
from massmail.services import audience, drafts, merging
from tests.factories import LeadFactory
from tests.massmail.cast import Cast, make_cast
from tests.massmail.services.test_drafts import recipients, settle

pytestmark = pytest.mark.django_db
STATUS = MailingOut.Status


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    cast.account()
    return cast


@pytest.fixture
def message(cast):
    return cast.message()


def overlapping(cast: Cast, message) -> tuple[MailingOut, MailingOut]:
    """Two drafts to four people, of whom two are in both."""
    people = list(cast.contacts(4).order_by("pk"))
    ids = [person.pk for person in people]
    chosen = type(people[0]).objects
    make = MailingOut.objects.create_for
    first = make(chosen.filter(pk__in=ids[:3]), owner=cast.owner, message=message, name="First")
    second = make(chosen.filter(pk__in=ids[1:]), owner=cast.owner, message=message, name="Second")
    return first, second


def paused(mailing_out: MailingOut) -> MailingOut:
    mailing_out.start()
    mailing_out.pause()
    return mailing_out


def test_drafts_become_one_draft_to_everybody(cast, message):
    first, second = overlapping(cast, message)
    people = {*recipients(first), *recipients(second)}

    draft = merging.unite([second, first], by=cast.owner)

    assert set(recipients(draft)) == people
    assert (draft.name, draft.message, draft.started_at) == ("First (united)", message, None)
    assert (draft.recipients_number, draft.pending_count) == (4, 4)
    assert list(MailingOut.objects.all()) == [draft]


def test_who_got_it_in_any_of_them_stays_out(cast, message):
    first, second = overlapping(cast, message)
    paused(first)
    settle(first, sent=1, uncertain=1)
    served = recipients(first, status__in=["sent", "uncertain"])

    draft = merging.unite([first, second], by=cast.owner)

    assert set(recipients(draft)).isdisjoint(served)
    assert (draft.recipients_number, draft.pending_count) == (2, 2)


def test_whose_address_got_it_stays_out_whatever_the_options(cast, message):
    first, second = overlapping(cast, message)
    paused(first)
    settle(first, sent=1)
    MailingOut.objects.update(exclude_already_received=False)
    served = first.deliveries.get(status="sent")
    twin = second.deliveries.exclude(recipient_id__in=first.deliveries.values("recipient_id")).get()
    second.deliveries.filter(pk=twin.pk).update(address_key=served.address_key)

    draft = merging.unite([first, second], by=cast.owner)

    assert twin.recipient_id not in recipients(draft)


def test_history_stays_and_waiting_rows_are_cancelled(cast, message):
    first, second = overlapping(cast, message)
    paused(first)
    settle(first, sent=1, failed=1)

    draft = merging.unite([first, second], by=cast.owner)

    first.refresh_from_db()
    assert (first.status, first.sent_count, first.failed_count) == (STATUS.INTERRUPTED, 1, 1)
    assert recipients(first, reason="cancelled") == recipients(first)[2:]
    assert first.report == f"United into “{draft.name}”: 1 person who waited moved there.\n"
    assert list(MailingOut.objects.order_by("pk")) == [first, draft]


def test_done_and_cancelled_stay_as_they_are(cast, message):
    first, second = overlapping(cast, message)
    first.start()
    settle(first, sent=3)
    MailingOut.objects.filter(pk=first.pk).update(status=STATUS.DONE)
    second.start()
    second.cancel()

    draft = merging.unite([first, second], by=cast.owner)

    assert recipients(draft) == [max(recipients(second))]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (STATUS.DONE, STATUS.INTERRUPTED)


def test_who_was_left_out_by_hand_everywhere_stays_out(cast, message):
    first, second = overlapping(cast, message)
    in_both = recipients(first)[1:]
    rows = Delivery.objects.filter(recipient_id=in_both[0])
    rows.update(status="skipped", reason="left_out", left_out=True)
    first.deliveries.filter(recipient_id=in_both[1]).update(
        status="skipped", reason="left_out", left_out=True
    )

    draft = merging.unite([first, second], by=cast.owner)

    assert in_both[0] not in recipients(draft)
    assert in_both[1] in recipients(draft, status="pending")


def test_name_is_cut_so_that_its_end_stays(cast, message):
    first, second = overlapping(cast, message)
    MailingOut.objects.update(name="x" * 100)

    draft = merging.unite([first, second], by=cast.owner)

    assert draft.name == "x" * 91 + " (united)"


def test_outlook_says_what_will_be(cast, message):
    first, second = overlapping(cast, message)
    paused(first)
    settle(first, sent=1)

    outlook = merging.outlook([second, first], by=cast.owner)

    assert (outlook.name, outlook.people, outlook.served) == ("First (united)", 3, 1)
    assert (outlook.deleted, outlook.ended, outlook.kept) == ((second,), (first,), ())
    assert merging.unite([first, second], by=cast.owner).recipients_number == outlook.people


def test_everybody_served_is_refused_and_changes_nothing(cast, message):
    first, second = overlapping(cast, message)
    for each in (first, second):
        paused(each)
        settle(each, sent=3)

    with pytest.raises(drafts.NobodyToWriteTo):
        merging.unite([first, second], by=cast.owner)

    assert set(MailingOut.objects.values_list("status", flat=True)) == {STATUS.PAUSED}


def refusal(mailing_outs, by) -> str:
    before = MailingOut.objects.count(), Delivery.objects.count()
    texts = []
    for step in (merging.outlook, merging.unite):
        with pytest.raises(merging.MergeRefused) as refused:
            step(mailing_outs, by=by)
        texts.append(str(refused.value))
    assert texts[0] == texts[1]
    assert (MailingOut.objects.count(), Delivery.objects.count()) == before
    return texts[0]


def test_one_alone_is_refused(cast):
    assert refusal([cast.draft()], cast.owner) == "Choose at least two mailing outs to unite."


def test_too_many_are_refused(cast, message, monkeypatch):
    monkeypatch.setattr(merging, "AT_MOST", 1)

    assert (
        refusal(overlapping(cast, message), cast.owner) == "Choose at most 1 mailing outs at once."
    )


def test_running_ones_are_refused(cast, message):
    first, second = overlapping(cast, message)
    second.start()

    assert refusal([first, second], cast.owner) == "“Second” is Running: pause it first."


@pytest.mark.parametrize("values", [{"preparing": "audience"}, {"in_flight_count": 1}])
def test_those_at_work_are_refused(cast, message, values):
    first, second = overlapping(cast, message)
    added = {"recipients_number": 4} if "in_flight_count" in values else {}
    MailingOut.objects.filter(pk=first.pk).update(**values, **added)
    first.refresh_from_db()

    text = refusal([first, second], cast.owner)

    assert text == "“First” is at work at this moment. Try again in a minute."


def test_those_of_others_are_refused(cast, message):
    drafts_of_owner = overlapping(cast, message)

    assert refusal(drafts_of_owner, cast.colleague) == (
        "“First” is not yours: only its owner can unite it."
    )


def test_different_owners_are_refused_also_to_superusers(cast, message):
    first, second = overlapping(cast, message)
    MailingOut.objects.filter(pk=second.pk).update(owner=cast.colleague)
    second.refresh_from_db()

    text = refusal([first, second], cast.superuser)

    assert text == "They have different owners. Unite those of one owner."


def test_different_types_are_refused(cast, message):
    first, _second = overlapping(cast, message)
    LeadFactory.create(owner=cast.owner)
    to_leads = MailingOut.objects.create_for(
        Lead.objects.all(), owner=cast.owner, message=message, name="Leads"
    )

    text = refusal([first, to_leads], cast.owner)

    assert text == "They go to different types of recipients. Unite those of one type."


def test_different_messages_are_refused(cast, message):
    first, second = overlapping(cast, message)
    MailingOut.objects.filter(pk=second.pk).update(message=cast.message())
    second.refresh_from_db()

    assert refusal([first, second], cast.owner) == (
        "They have different messages. Unite those of one message."
    )


def test_large_union_is_left_to_a_task(cast, message, monkeypatch):
    first, second = overlapping(cast, message)
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 3)

    draft = merging.unite([first, second], by=cast.owner)
    audience.write_chosen(draft)

    draft.refresh_from_db()
    assert (draft.preparing, draft.recipients_number) == ("", 4)
