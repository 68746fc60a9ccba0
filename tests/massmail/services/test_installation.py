"""Pausing all sending; and a database that is a copy sends nothing until a person says so."""

from datetime import timedelta
from random import Random

import pytest
from django.core.management import call_command

from massmail.clock import database_now
from massmail.models import EmailAccount, MailingOut, MassmailSettings
from massmail.services import lease, ledger
from massmail.services.installation import (
    fingerprint,
    guard_against_clones,
    pause_all,
    resume_all,
)
from massmail.utils import sendmassmail
from tests.massmail.campaigns import campaign_on, refreshed
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent


def settings_row() -> MassmailSettings:
    return MassmailSettings.load()


def guard() -> bool:
    return guard_against_clones(now=database_now())


@pytest.fixture
def copied():
    """The settings of a database whose data lived elsewhere."""
    MassmailSettings.load()
    MassmailSettings.objects.update(fingerprint="elsewhere")


def test_the_first_tick_notes_where_the_data_lives():
    assert guard()
    assert settings_row().fingerprint == fingerprint() != ""
    assert guard()
    assert settings_row().paused_at is None


def test_a_copy_pauses_everything_and_says_why(copied):
    assert not guard()
    row = settings_row()
    assert row.paused_at is not None
    assert row.pause_note == (
        "This database is a copy, was moved or restored. If sending goes on, all who wait become "
        "uncertain, unless you run massmail_resume --nothing-was-sent."
    )
    assert row.fingerprint == "elsewhere"


def test_a_copy_stays_paused_tick_by_tick(copied):
    now = database_now()
    assert not guard_against_clones(now=now)
    assert not guard()
    assert settings_row().paused_at == now


def test_resuming_takes_the_new_place(copied):
    guard()
    assert resume_all()
    row = settings_row()
    assert (row.paused_at, row.pause_note, row.fingerprint) == (None, "", fingerprint())
    assert guard()


@pytest.fixture
def went_back(settings, tmp_path):
    """A running mailing out whose ledger had more attempts when it was last looked at."""
    settings.VAR_DIR = tmp_path
    mailing_out = campaign_on(NO_SERVER, people=3)
    MailingOut.objects.filter(pk=mailing_out.pk).update(attempts_count=7)
    assert guard()
    assert guard()
    MailingOut.objects.filter(pk=mailing_out.pk).update(attempts_count=6)
    return mailing_out


def test_a_ledger_that_goes_on_is_what_it_was(went_back):
    MailingOut.objects.update(attempts_count=8)
    assert guard()
    MailingOut.objects.update(attempts_count=9)
    assert guard()


def test_an_older_state_of_the_ledger_pauses_everything(went_back):
    assert not guard()
    assert "restored" in settings_row().pause_note


def test_older_state_is_noticed_before_its_dead_runs_are_settled(went_back):
    """Settling counts attempts: enough of them, and the ledger would look as if it went on."""
    now = database_now()
    held = lease.take(EmailAccount.objects.get().pk, now=now)
    assert held is not None
    with ledger.turn(held, now=now, random_source=Random(1)) as this:
        assert ledger.claim(this, size=3) is not None
    EmailAccount.objects.update(run_lease_until=now - timedelta(hours=1))

    assert sendmassmail.tick() == []

    assert settings_row().paused_at is not None
    assert refreshed(went_back).uncertain_count == 3


def test_resuming_an_older_state_puts_all_who_wait_in_doubt(went_back):
    guard()
    assert resume_all()
    assert refreshed(went_back).uncertain_count == 3
    assert set(went_back.deliveries.values_list("attempts", flat=True)) == {1}
    assert guard()
    assert guard()


def test_an_operators_word_keeps_them_waiting(went_back):
    guard()
    call_command("massmail_resume", "--nothing-was-sent")
    assert refreshed(went_back).pending_count == 3
    assert guard()


def test_an_older_state_is_noticed_once_more(went_back):
    guard()
    resume_all()
    assert guard()
    MailingOut.objects.update(attempts_count=2)
    assert not guard()


def test_resuming_a_copy_puts_in_doubt_what_runs_and_nothing_else(copied):
    running = campaign_on(NO_SERVER)
    draft = campaign_on(NO_SERVER, start=False)
    guard()
    resume_all()
    assert refreshed(running).uncertain_count == 3
    assert refreshed(draft).pending_count == 3


def test_resuming_after_a_pause_by_hand_puts_nobody_in_doubt():
    running = campaign_on(NO_SERVER)
    guard()
    pause_all()
    resume_all()
    assert refreshed(running).pending_count == 3


def test_a_note_that_cannot_be_read_or_written_keeps_nobody_from_sending(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    campaign_on(NO_SERVER)
    MailingOut.objects.update(attempts_count=7)
    guard()
    (tmp_path / "ledger_seen.json").write_text("{")
    assert guard()
    settings.VAR_DIR = tmp_path / "ledger_seen.json"  # no folder
    assert guard()


def test_resuming_what_is_not_paused_takes_no_place(copied):
    assert not resume_all()
    assert settings_row().fingerprint == "elsewhere"


def test_the_first_pause_stands():
    now = database_now()
    assert pause_all(note="first", now=now)
    assert not pause_all(note="second")
    assert (settings_row().paused_at, settings_row().pause_note) == (now, "first")
    assert not guard()


def test_a_long_note_is_cut():
    pause_all(note="x" * 300)
    assert settings_row().pause_note == "x" * 200


def test_a_tick_of_a_copy_names_no_run(copied):
    campaign_on(NO_SERVER)
    assert sendmassmail.tick() == []


def test_a_pause_stops_claims_and_a_resume_lets_them_go_on():
    campaign_on(NO_SERVER)
    held = lease.take(EmailAccount.objects.get().pk, now=database_now())
    assert held is not None

    def claims() -> bool:
        with ledger.turn(held, now=database_now(), random_source=Random(1)) as turn:
            return ledger.claim(turn, size=1) is not None

    pause_all()
    assert not claims()
    resume_all()
    assert claims()
