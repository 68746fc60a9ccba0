"""A message that is written for a draft: chosen as it is saved, and the way back."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.models import EmlMessage, MailingOut
from tests.massmail.cast import Cast
from tests.massmail.site.test_emlmessageadmin import ADD, data_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(client: Client, cast: Cast) -> MailingOut:
    """A draft of the owner, who is logged in."""
    client.force_login(cast.owner)
    return cast.draft(number=1)


def page_of(mailing_out: MailingOut) -> str:
    return reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])


def add_for(client: Client, cast: Cast, mailing_out: MailingOut, **values: object) -> str:
    """Add a message for a mailing out; return where that leads."""
    data = data_for(cast, subject="Written for it", **values)
    response = client.post(f"{reverse(ADD)}?mailing_out={mailing_out.pk}", data)
    return str(response["Location"])


def test_new_message_is_chosen_and_leads_back(
    client: Client, cast: Cast, draft: MailingOut
) -> None:
    location = add_for(client, cast, draft, _save="Save")

    draft.refresh_from_db()
    assert draft.message is not None
    assert (draft.message.subject, location) == ("Written for it", page_of(draft))


def test_going_on_with_writing_keeps_the_way_back(
    client: Client, cast: Cast, draft: MailingOut
) -> None:
    location = add_for(client, cast, draft, _continue="1")

    message = EmlMessage.objects.get(subject="Written for it")
    change = reverse("admin:massmail_emlmessage_change", args=[message.pk])
    assert location == f"{change}?mailing_out={draft.pk}"
    response = client.post(location, data_for(cast, subject="Changed", _save="Save"))
    assert response["Location"] == page_of(draft)
    draft.refresh_from_db()
    assert draft.message_id == message.pk


def test_editing_changes_no_choice(client: Client, cast: Cast, draft: MailingOut) -> None:
    other = cast.message()
    change = reverse("admin:massmail_emlmessage_change", args=[other.pk])
    response = client.post(f"{change}?mailing_out={draft.pk}", data_for(cast, _save="Save"))
    assert response["Location"] == page_of(draft)
    assert MailingOut.objects.get().message_id == draft.message_id


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_draft_of_somebody_else_stays_as_it_is(
    client: Client, cast: Cast, draft: MailingOut, who: str
) -> None:
    user = getattr(cast, who)
    client.force_login(user)
    location = add_for(client, cast, draft, owner=user.pk, _save="Save")
    assert location == reverse("admin:massmail_emlmessage_changelist")
    assert MailingOut.objects.get().message_id == draft.message_id


def test_what_is_started_keeps_its_message(client: Client, cast: Cast, draft: MailingOut) -> None:
    cast.account()
    draft.start()
    location = add_for(client, cast, draft, _save="Save")
    assert location == reverse("admin:massmail_emlmessage_changelist")
    assert MailingOut.objects.get().message_id == draft.message_id


@pytest.mark.parametrize("named", ["", "0", "x", "9" * 30, "²"])
def test_nonsense_is_no_draft(client: Client, cast: Cast, draft: MailingOut, named: str) -> None:
    data = data_for(cast, subject="Written for it", _save="Save")
    response = client.post(f"{reverse(ADD)}?mailing_out={named}", data)
    assert response["Location"] == reverse("admin:massmail_emlmessage_changelist")


def test_test_is_sent_from_the_page_of_the_message(
    client: Client, cast: Cast, draft: MailingOut
) -> None:
    EmlMessage.objects.update(content="<p>{{ first_name }}</p>")
    change = reverse("admin:massmail_emlmessage_change", args=[draft.message_id])
    offered = client.get(change).context["send_test"]
    contact = draft.deliveries.get().recipient_id
    assert offered.initial["person"] == f"crm.contact:{contact}"
    client.force_login(cast.colleague)
    assert 'id="send-test"' in client.get(change).text
