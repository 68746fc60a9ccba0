"""Who gets what at every address of the staff: four people, every view, every method."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.models import Delivery, EmailAccount, MailingOut
from tests.massmail.cast import Cast

MAILING_OUT_PAGES = ("mailing_out_people", "mailing_out_progress")
MAILING_OUT_ACTS = (
    "mailing_out_start",
    "mailing_out_pause",
    "mailing_out_resume",
    "mailing_out_cancel",
    "mailing_out_message",
    "mailing_out_count_as_sent",
    "mailing_out_send_again",
    "mailing_out_leave_out",
    "mailing_out_put_back",
    "exclude_recipients",
    "send_failed_recipients",
)
PAGES = (*MAILING_OUT_PAGES, "delivery", "delivery_mail", "message_preview")
ACTS = (*MAILING_OUT_ACTS, "account_switch_on")
READERS = {"superuser": 200, "owner": 200, "colleague": 200, "stranger": 404}
ACTORS = {"superuser": 302, "owner": 302, "colleague": 403, "stranger": 404}


@pytest.fixture
def urls(cast: Cast) -> dict[str, str]:
    draft = cast.draft(number=1)
    delivery = draft.deliveries.get()
    assert draft.message is not None
    found = {name: reverse(name, args=[draft.pk]) for name in MAILING_OUT_PAGES + MAILING_OUT_ACTS}
    return found | {
        "delivery": reverse("delivery", args=[delivery.pk]),
        "delivery_mail": reverse("delivery_mail", args=[delivery.pk]),
        "message_preview": reverse("message_preview", args=[draft.message.pk]),
        "copy_message": reverse("copy_message", args=[draft.message.pk]),
        "account_switch_on": reverse("account_switch_on", args=[cast.account(shared=True).pk]),
    }


@pytest.mark.parametrize("who", READERS)
def test_pages_are_for_those_who_may_see_them(
    client: Client, cast: Cast, urls: dict[str, str], who: str
) -> None:
    client.force_login(getattr(cast, who))

    answers = {name: client.get(urls[name]).status_code for name in PAGES}

    assert answers == dict.fromkeys(PAGES, READERS[who])


@pytest.mark.parametrize("who", ACTORS)
def test_acts_are_for_those_whose_it_is(
    client: Client, cast: Cast, urls: dict[str, str], who: str
) -> None:
    client.force_login(getattr(cast, who))

    answers = {name: client.post(urls[name]).status_code for name in ACTS}

    assert answers == dict.fromkeys(ACTS, ACTORS[who])


def test_copying_is_for_readers(client: Client, cast: Cast, urls: dict[str, str]) -> None:
    answers = {}
    for who in READERS:
        client.force_login(getattr(cast, who))
        answers[who] = client.post(urls["copy_message"]).status_code

    assert answers == {"superuser": 302, "owner": 302, "colleague": 302, "stranger": 404}


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_refused_act_changes_nothing(
    client: Client, cast: Cast, urls: dict[str, str], who: str
) -> None:
    client.force_login(getattr(cast, who))
    before = _everything()

    for name in ACTS:
        client.post(urls[name], {"when": "now"})

    assert _everything() == before


def test_get_of_an_act_is_refused(client: Client, cast: Cast, urls: dict[str, str]) -> None:
    client.force_login(cast.owner)
    before = _everything()
    acts = (*ACTS, "copy_message")

    answers = {name: client.get(urls[name]).status_code for name in acts}

    assert (answers, _everything()) == (dict.fromkeys(acts, 405), before)


def test_post_to_a_page_is_refused(client: Client, cast: Cast, urls: dict[str, str]) -> None:
    client.force_login(cast.owner)

    answers = {name: client.post(urls[name]).status_code for name in PAGES}

    assert answers == dict.fromkeys(PAGES, 405)


def test_act_without_token_is_refused(cast: Cast, urls: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)

    answers = {name: client.post(urls[name]).status_code for name in ACTS}

    assert answers == dict.fromkeys(ACTS, 403)


def test_everything_asks_for_a_login(client: Client, cast: Cast, urls: dict[str, str]) -> None:
    answers = {name: client.post(url).headers["Location"] for name, url in urls.items()}

    login = reverse("admin:login")
    assert answers == {name: f"{login}?next={url}" for name, url in urls.items()}


def test_staff_without_permission_is_refused(
    client: Client, cast: Cast, urls: dict[str, str]
) -> None:
    cast.owner.groups.remove(*cast.owner.groups.filter(name="managers"))
    client.force_login(cast.owner)

    answers = [client.post(urls[name]).status_code for name in MAILING_OUT_ACTS]
    answers += [client.get(urls[name]).status_code for name in MAILING_OUT_PAGES]

    assert set(answers) == {403}


def _everything() -> list[object]:
    return [
        *MailingOut.objects.order_by("pk").values(),
        *Delivery.objects.order_by("pk").values(),
        *EmailAccount.objects.order_by("pk").values(),
    ]
