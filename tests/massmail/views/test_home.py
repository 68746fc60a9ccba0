"""The first page: what waits for whom, the checklist, and for operators the machinery."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common.fields import key_fingerprint
from massmail.clock import database_now
from massmail.models import DeliveryAttempt, Heartbeat, MailingOut, MassmailSettings
from massmail.services import account_health, installation
from massmail.views.home import Home
from tests.factories import UserFactory
from tests.massmail.cast import Cast

HOME = "admin:index"


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


@pytest.fixture
def superuser(client: Client, cast: Cast) -> Client:
    client.force_login(cast.superuser)
    return client


def home_of(client: Client) -> Home:
    response = client.get(reverse(HOME))
    assert response.status_code == 200
    return response.context["home"]


def names(lines) -> list[str]:
    return [line.mailing_out.name for line in lines]


# --- the checklist


def test_checklist_is_ticked_as_steps_are_done(owner: Client, cast: Cast) -> None:
    ticks = [[step.is_done for step in home_of(owner).steps]]
    cast.account()
    cast.message()
    ticks.append([step.is_done for step in home_of(owner).steps])
    cast.draft(number=1)
    ticks.append([step.is_done for step in home_of(owner).steps])
    cast.started(number=1)
    ticks.append([step.is_done for step in home_of(owner).steps])

    assert ticks == [
        [False, False, False, False, False],
        [True, True, False, False, False],
        [True, True, True, False, False],
        [True, True, True, False, True],
    ]


def test_every_step_leads_to_a_page(owner: Client, cast: Cast) -> None:
    answers = {owner.get(step.url).status_code for step in home_of(owner).steps}
    assert answers == {200}


def test_checklist_goes_with_the_first_campaign_that_is_done(owner: Client, cast: Cast) -> None:
    cast.started(number=1)
    assert home_of(owner).has_checklist
    MailingOut.objects.update(status="D", pending_count=0, sent_count=1)
    assert not home_of(owner).has_checklist


# --- mailing outs


def test_mailing_outs_are_sorted_by_what_they_need(owner: Client, cast: Cast) -> None:
    cast.account()
    cast.draft(number=1, name="draft")
    cast.started(number=1, name="running")
    stuck = cast.started(number=1, name="stuck")
    stuck.deliveries.update(status="uncertain")
    MailingOut.objects.filter(pk=stuck.pk).update(pending_count=0, uncertain_count=1)
    over = cast.started(number=1, name="over")
    MailingOut.objects.filter(pk=over.pk).update(status="D", pending_count=0, sent_count=1)

    home = home_of(owner)

    found = [names(lines) for lines in (home.needing, home.running, home.drafts, home.results)]
    assert found == [["stuck"], ["running"], ["draft"], ["over"]]
    assert home.running[0].reason == "No worker has reported yet. Start worker and beat."


def test_strangers_see_nothing_of_it(client: Client, cast: Cast) -> None:
    cast.started(number=1)
    client.force_login(cast.stranger)
    home = home_of(client)
    assert (home.lines, home.accounts_in_trouble) == ([], ())


def test_who_has_no_permission_sees_the_list_of_apps_alone(client: Client, db) -> None:
    client.force_login(UserFactory.create())
    assert home_of(client) is None


def test_accounts_in_trouble_are_named_to_those_who_see_them(owner: Client, cast: Cast) -> None:
    account = cast.account(name="sales@")
    account_health.switch_off(account.pk, reason="credentials", now=database_now())

    text = owner.get(reverse(HOME)).text

    assert "sales@" in text
    assert "The server refused the login or the password." in text


def test_page_asks_as_many_questions_for_any_number(superuser: Client, cast: Cast) -> None:
    counts = []
    cast.account()
    for number in (1, 6):
        for _ in range(number):
            cast.started(number=1)
            cast.draft(number=1)
        superuser.get(reverse(HOME))
        with CaptureQueriesContext(connection) as queries:
            superuser.get(reverse(HOME))
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 25


# --- operators


def test_operators_see_the_machinery(superuser: Client, cast: Cast) -> None:
    now = database_now()
    key = key_fingerprint()
    Heartbeat.objects.create(host="good", role="control", key_fingerprint=key, seen_at=now)
    Heartbeat.objects.create(
        host="strange",
        role="deliveries",
        key_fingerprint="other",
        seen_at=now - timedelta(minutes=5),
        clock_offset_s=-7,
    )

    workers = {each.host: each for each in home_of(superuser).workers}

    good, strange = workers["good"], workers["strange"]
    assert (good.is_alive, good.is_clock_right, good.has_our_key) == (True, True, True)
    assert (strange.is_alive, strange.is_clock_right, strange.has_our_key) == (False, False, False)


def test_troubles_of_the_last_day_are_counted(superuser: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    row = mailing_out.deliveries.get()
    now = database_now()
    for age, outcome, why in (
        (1, "cooling", "throttled"),
        (2, "cooling", "throttled"),
        (3, "failed", "no such mailbox"),
        (30, "off", "credentials"),
    ):
        DeliveryAttempt.objects.create(
            delivery=row,
            mailing_out=mailing_out,
            at=now - timedelta(hours=age),
            outcome=outcome,
            why=why,
            number=1,
        )

    errors = home_of(superuser).errors

    assert [(each.number, each.text) for each in errors] == [
        (2, "The server asked for fewer mails.")
    ]


def test_staff_see_no_machinery(owner: Client) -> None:
    assert "Pause all sending" not in owner.get(reverse(HOME)).text


# --- pause all sending


@pytest.mark.parametrize("name", ["pause_all_sending", "resume_all_sending"])
def test_switch_is_posted_by_superusers(client: Client, cast: Cast, name: str) -> None:
    answers = {}
    for who in ("owner", "colleague", "superuser"):
        client.force_login(getattr(cast, who))
        answers[who] = client.post(reverse(name)).status_code
    assert answers == {"owner": 403, "colleague": 403, "superuser": 302}
    assert client.get(reverse(name)).status_code == 405


def test_all_sending_is_paused_and_goes_on(superuser: Client, cast: Cast) -> None:
    paused = superuser.post(reverse("pause_all_sending"))
    row = MassmailSettings.load()
    assert row.paused_at is not None
    assert row.pause_note == "By superuser."
    assert "All sending is paused" in superuser.get(paused["Location"]).text
    superuser.post(reverse("resume_all_sending"))
    assert MassmailSettings.load().paused_at is None


def test_switch_that_stands_already_says_so(superuser: Client, cast: Cast) -> None:
    resumed = superuser.post(reverse("resume_all_sending"))
    installation.pause_all()
    paused = superuser.post(reverse("pause_all_sending"))
    texts = [str(message) for message in get_messages(paused.wsgi_request)]
    assert resumed.status_code == 302
    assert texts == ["Sending was not paused.", "All sending was paused already."]


@pytest.mark.parametrize(
    ("came_from", "target"),
    [
        (
            "/admin/massmail/massmailsettings/1/change/",
            "/admin/massmail/massmailsettings/1/change/",
        ),
        ("https://evil.example/", "/admin/"),
        ("//evil.example/", "/admin/"),
        ("/\\evil.example", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_way_back_stays_on_this_site(superuser: Client, came_from: str, target: str) -> None:
    response = superuser.post(reverse("resume_all_sending"), {"next": came_from})
    assert response["Location"] == target
