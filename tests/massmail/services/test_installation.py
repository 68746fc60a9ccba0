"""Pausing all sending; and a database that is a copy sends nothing until a person says so."""

from random import Random

import pytest

from massmail.clock import database_now
from massmail.models import EmailAccount, MassmailSettings
from massmail.services import lease, ledger
from massmail.services.installation import (
    fingerprint,
    guard_against_clones,
    pause_all,
    resume_all,
)
from massmail.utils import sendmassmail
from tests.massmail.campaigns import campaign_on
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
    assert row.pause_note == "This database is a copy, or was moved: check before you resume."
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
