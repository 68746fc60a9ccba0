import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from common.fields import key_fingerprint
from crm.models import Contact
from massmail.clock import database_now
from massmail.models import EmailAccount, Heartbeat, MailingOut
from massmail.services import account_health, installation
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    MailingOutFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def started() -> MailingOut:
    """A running mailing out to two people."""
    owner = UserFactory.create(username="olga")
    EmailAccountFactory.create(owner=owner, name="news")
    for _ in range(2):
        ContactFactory.create(owner=owner)
    mailing_out = MailingOut.objects.create_for(
        Contact.objects.all(),
        owner=owner,
        message=EmlMessageFactory.create(owner=owner),
        name="Spring",
    )
    mailing_out.start()
    return mailing_out


@pytest.fixture
def status(capsys):
    """A function that runs the command and gives what it prints."""

    def run(*arguments: str) -> str:
        call_command("massmail_status", *arguments)
        return str(capsys.readouterr().out)

    return run


def heartbeat(role: Heartbeat.Role, **values) -> Heartbeat:
    values = {"seen_at": database_now(), "key_fingerprint": key_fingerprint()} | values
    values = {"version": settings.VERSION} | values
    return Heartbeat.objects.create(host="mailer1", role=role, **values)


def test_an_empty_installation_is_told_in_four_lines(status):
    assert status().split("\n\n") == [
        "Sending: on",
        "Workers: none",
        "Mailing outs: none",
        "Accounts in trouble: none\n",
    ]


def test_looking_writes_nothing(status, started, django_assert_max_num_queries):
    with django_assert_max_num_queries(20) as queries:
        status()
    assert not [query for query in queries if not query["sql"].startswith("SELECT")]


def test_json_tells_the_same(status, started):
    found = json.loads(status("--json"))
    assert (found["paused_at"], found["workers"], found["accounts_in_trouble"]) == (None, [], [])
    (mailing_out,) = found["mailing_outs"]
    assert mailing_out["id"] == started.pk
    assert (mailing_out["name"], mailing_out["owner"]) == ("Spring", "olga")
    assert mailing_out["state"] == "running"
    assert mailing_out["counts"] == {
        "pending": 2,
        "in_flight": 0,
        "sent": 0,
        "failed": 0,
        "skipped": 0,
        "uncertain": 0,
    }
    assert (mailing_out["prospect"], mailing_out["next_mail_at"]) == ("stuck", None)
    assert [blocker["code"] for blocker in mailing_out["blockers"]] == ["no_worker"]


def keys_of(found: object) -> object:
    """The keys of nested JSON, sorted; of a list those of its first entry."""
    if isinstance(found, dict):
        return {key: keys_of(found[key]) for key in sorted(found)}
    return [keys_of(found[0])] if isinstance(found, list) and found else None


def test_json_has_exactly_the_keys_that_are_documented(status, started):
    heartbeat(Heartbeat.Role.CONTROL)
    account_health.cool(EmailAccount.objects.get().pk, reason="throttled", now=database_now())

    assert keys_of(json.loads(status("--json"))) == {
        "accounts_in_trouble": [
            dict.fromkeys(["id", "name", "obstacle", "owner", "reason", "reply", "until"])
        ],
        "at": None,
        "mailing_outs": [
            {
                "blockers": [dict.fromkeys(["account_id", "code", "text", "until"])],
                "counts": dict.fromkeys(
                    ["failed", "in_flight", "pending", "sent", "skipped", "uncertain"]
                ),
                **dict.fromkeys(["ends_at", "id", "name", "next_account_id", "next_mail_at"]),
                **dict.fromkeys(["owner", "prospect", "sentence", "state", "stuck"]),
            }
        ],
        "pause_note": None,
        "paused_at": None,
        "workers": [
            dict.fromkeys(
                [
                    *("age_s", "clock_offset_s", "has_our_key", "has_our_version", "host"),
                    *("is_alive", "is_clock_right", "role", "version"),
                ]
            )
        ],
    }


def test_what_comes_next_is_a_sentence(status, started):
    for role in Heartbeat.Role:
        heartbeat(role)
    found = json.loads(status("--json"))["mailing_outs"][0]

    assert (found["prospect"], found["next_mail_at"] is None) == ("now", False)
    assert found["next_account_id"] == EmailAccount.objects.get().pk
    assert found["ends_at"] is not None
    text = status()
    assert "    The next mail leaves from news within seconds.\n" in text
    assert "    done about: " in text
    started.pause()
    assert "    No mail leaves until somebody acts.\n" in status()


def test_a_running_mailing_out_has_its_counts_and_blockers(status, started):
    text = status()
    assert f"  {started.pk} “Spring” of olga: running\n" in text
    assert "2 pending, 0 in flight, 0 sent" in text
    assert "- No worker has reported yet. Start worker and beat.\n" in text


def test_a_pause_of_everything_comes_first(status, started):
    installation.pause_all(note="moving")
    text = status()
    assert text.startswith("Sending: PAUSED since ")
    assert text.splitlines()[0].endswith(": moving")


def test_paused_ones_are_listed_drafts_and_done_ones_are_not(status, started):
    started.pause()
    MailingOutFactory.create(name="a draft")
    MailingOutFactory.create(name="over", status=MailingOut.Status.DONE, started_at=database_now())
    found = json.loads(status("--json"))
    listed = [(each["name"], each["state"]) for each in found["mailing_outs"]]
    assert listed == [("Spring", "paused")]


def test_a_named_one_is_told_whatever_its_state(status, started):
    draft = MailingOutFactory.create(name="a draft")
    found = json.loads(status("--json", "--mailing-out", str(draft.pk)))
    listed = [(each["name"], each["state"]) for each in found["mailing_outs"]]
    assert listed == [("a draft", "draft")]


def test_an_unknown_mailing_out_is_named(status):
    with pytest.raises(CommandError, match=r"^There is no mailing out 7\.$"):
        status("--mailing-out", "7")


def test_workers_have_an_age(status):
    heartbeat(Heartbeat.Role.CONTROL, version="1.0", clock_offset_s=7.5)
    heartbeat(
        Heartbeat.Role.DELIVERIES,
        seen_at=database_now() - timedelta(minutes=5),
        key_fingerprint="another",
    )
    text = status()
    ours = settings.VERSION
    assert f"  control on mailer1 (1.0, OURS IS {ours}): seen 0 s ago, clock +7.5 s WRONG\n" in text
    assert f"  deliveries on mailer1 ({ours}): SILENT, last seen 300 s ago, clock +0.0 s" in text
    assert "HAS ANOTHER ENCRYPTION KEY" in text


def test_accounts_that_are_off_or_rest_are_in_trouble(status):
    resting, off = (
        EmailAccountFactory.create(name="resting"),
        EmailAccountFactory.create(name="off"),
    )
    EmailAccountFactory.create(name="not used", massmail=False)
    account_health.cool(resting.pk, reason="throttled", now=database_now())
    account_health.switch_off(off.pk, reason="credentials", reply="535 no", now=database_now())
    found = json.loads(status("--json"))["accounts_in_trouble"]
    assert [(each["name"], each["obstacle"]) for each in found] == [
        ("resting", "cooling"),
        ("off", "off"),
    ]
    assert found[0]["until"] is not None
    assert found[1]["reply"] == "535 no"
    assert EmailAccount.objects.count() == 3
    assert "off. The server refused the login or the password." in status()
