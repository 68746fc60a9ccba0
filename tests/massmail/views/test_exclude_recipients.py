"""People left out one by one, put back, or because they got the message already."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from massmail.models import Delivery, MailingOut, SkipReason
from massmail.services import audience
from tests.massmail.campaigns import refreshed
from tests.massmail.cast import Cast


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def act(client: Client, name: str, mailing_out: MailingOut, **data) -> list[str]:
    """Post, and return what was said."""
    response = client.post(reverse(name, args=[mailing_out.pk]), data)
    assert response.status_code == 302
    return [str(message) for message in get_messages(response.wsgi_request)][-1:]


def test_ticked_are_left_out_and_put_back(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=3)
    ids = [row.pk for row in draft.deliveries.order_by("pk")[:2]]

    out = act(owner, "mailing_out_leave_out", draft, delivery=ids)
    left_out = set(draft.deliveries.filter(reason="left_out").values_list("pk", flat=True))
    back = act(owner, "mailing_out_put_back", draft, delivery=ids[:1])

    assert (out, left_out) == (["2 people are left out."], set(ids))
    assert (back, refreshed(draft).pending_count) == (["1 person is put back."], 2)


def test_all_left_out_by_hand_are_put_back(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=3)
    act(owner, "mailing_out_leave_out", draft, delivery=[row.pk for row in draft.deliveries.all()])

    assert act(owner, "mailing_out_put_back", draft, which="all") == ["3 people are put back."]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mailing_out_leave_out", "Nobody of them was to get a mail: nobody is left out."),
        ("mailing_out_put_back", "Nobody of them was left out by hand: nothing changed."),
    ],
)
@pytest.mark.parametrize("ids", [[], ["x", "-1", "0", "9" * 30]])
def test_nothing_ticked_changes_nothing(
    owner: Client, cast: Cast, name: str, text: str, ids: list[str]
) -> None:
    draft, other = cast.draft(number=1), cast.draft(number=1)

    said = act(owner, name, draft, delivery=[*ids, other.deliveries.get().pk])

    assert said == [text]
    assert (refreshed(draft).skipped_count, refreshed(other).skipped_count) == (0, 0)


@pytest.mark.parametrize("name", ["mailing_out_leave_out", "mailing_out_put_back"])
def test_what_was_started_is_refused_in_words(owner: Client, cast: Cast, name: str) -> None:
    mailing_out = cast.started(number=1)

    said = act(owner, name, mailing_out, delivery=[mailing_out.deliveries.get().pk])

    assert said == ["“Spring offer” is running already."]
    assert refreshed(mailing_out).pending_count == 1


def test_who_got_the_message_is_left_out_whoever_sent_it(owner: Client, cast: Cast) -> None:
    earlier = cast.draft(number=2)
    earlier.deliveries.update(status=Delivery.Status.SENT)
    audience.recount(earlier)
    MailingOut.objects.filter(pk=earlier.pk).update(owner=cast.stranger, department=None)
    draft = MailingOut.objects.create_for(
        earlier.recipient_model._default_manager.all(),
        owner=cast.owner,
        message=None,
        name="Again",
    )
    MailingOut.objects.filter(pk=draft.pk).update(
        message=earlier.message, exclude_already_received=False
    )

    said = act(owner, "exclude_recipients", draft)

    assert said == ["2 people got this message already and are left out."]
    assert set(draft.deliveries.values_list("reason", flat=True)) == {SkipReason.ALREADY_RECEIVED}
    assert refreshed(draft).skipped_count == 2


def test_nobody_who_got_it_is_said(owner: Client, cast: Cast) -> None:
    said = act(owner, "exclude_recipients", cast.draft(number=1))

    assert said == ["Nobody here got this message already."]


def test_without_a_message_there_is_a_sentence(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    MailingOut.objects.filter(pk=draft.pk).update(message=None)

    said = act(owner, "exclude_recipients", draft)

    assert said == ["Choose a message first: it decides who got it already."]


def test_many_are_looked_at_when_it_starts(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = cast.draft(number=2)
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 1)

    said = act(owner, "exclude_recipients", draft)

    assert said == ["They are many: who got this message already is left out when it starts."]
