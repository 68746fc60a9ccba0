"""Who gets what at every address of the staff: four people, every view, every method."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.models import Delivery, EmailAccount, MailingOut, Picture
from tests.factories import PictureFactory
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
PICTURE_ACTS = ("picture_rename", "picture_delete")
PAGES = (*MAILING_OUT_PAGES, "delivery", "delivery_mail", "message_preview", "picture_thumbnail")
ACCOUNT_ACTS = ("account_switch_on", "account_switch_off")
ACTS = (*MAILING_OUT_ACTS, *ACCOUNT_ACTS, *PICTURE_ACTS)
FOR_READERS = {"copy_message": 302, "send_test": 302}  # acts that change nothing of the object
FOR_OWNERS = {"account_test_connection": 200}  # the answer is a page
READERS = {"superuser": 200, "owner": 200, "colleague": 200, "stranger": 404}
ACTORS = {"superuser": 302, "owner": 302, "colleague": 403, "stranger": 404}


@pytest.fixture
def urls(cast: Cast) -> dict[str, str]:
    draft = cast.draft(number=1)
    delivery = draft.deliveries.get()
    account = cast.account(shared=True)
    assert draft.message is not None
    picture = PictureFactory.create(owner=cast.owner, department=cast.department)
    found = {name: reverse(name, args=[draft.pk]) for name in MAILING_OUT_PAGES + MAILING_OUT_ACTS}
    return found | {
        "delivery": reverse("delivery", args=[delivery.pk]),
        "delivery_mail": reverse("delivery_mail", args=[delivery.pk]),
        "message_preview": reverse("message_preview", args=[draft.message.pk]),
        **{name: reverse(name, args=[draft.message.pk]) for name in FOR_READERS},
        **{name: reverse(name, args=[account.pk]) for name in (*ACCOUNT_ACTS, *FOR_OWNERS)},
        "picture_thumbnail": reverse("picture_thumbnail", args=[picture.pk]),
        **{name: reverse(name, args=[picture.pk]) for name in PICTURE_ACTS},
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


@pytest.mark.parametrize("name", FOR_READERS)
def test_some_acts_are_for_readers(
    client: Client, cast: Cast, urls: dict[str, str], name: str
) -> None:
    answers = {}
    for who in READERS:
        client.force_login(getattr(cast, who))
        answers[who] = client.post(urls[name]).status_code

    assert answers == {"superuser": 302, "owner": 302, "colleague": 302, "stranger": 404}


def test_connection_is_tested_by_those_whose_it_is(
    client: Client, cast: Cast, urls: dict[str, str]
) -> None:
    answers = {}
    for who in ACTORS:
        client.force_login(getattr(cast, who))
        answers[who] = client.post(urls["account_test_connection"]).status_code

    assert answers == {"superuser": 200, "owner": 200, "colleague": 403, "stranger": 404}


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
    acts = (*ACTS, *FOR_READERS, *FOR_OWNERS)

    answers = {name: client.get(urls[name]).status_code for name in acts}

    assert (answers, _everything()) == (dict.fromkeys(acts, 405), before)


def test_post_to_a_page_is_refused(client: Client, cast: Cast, urls: dict[str, str]) -> None:
    client.force_login(cast.owner)

    answers = {name: client.post(urls[name]).status_code for name in PAGES}

    assert answers == dict.fromkeys(PAGES, 405)


def test_act_without_token_is_refused(cast: Cast, urls: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)

    acts = (*ACTS, *FOR_READERS, *FOR_OWNERS)
    answers = {name: client.post(urls[name]).status_code for name in acts}

    assert answers == dict.fromkeys(acts, 403)


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
        *Picture.objects.order_by("pk").values(),
    ]
