"""Pausing all sending, and resuming it."""

import pytest
from django.core.management import call_command

from massmail.models import MassmailSettings
from massmail.services.installation import fingerprint

pytestmark = pytest.mark.django_db


def settings_row() -> MassmailSettings:
    return MassmailSettings.objects.get()


def test_pause_notes_when_and_why(capsys):
    call_command("massmail_pause", "moving the", "database")
    assert capsys.readouterr().out == "All sending is paused.\n"
    assert settings_row().paused_at is not None
    assert settings_row().pause_note == "moving the database"


def test_a_second_pause_keeps_the_first_note(capsys):
    call_command("massmail_pause", "first")
    first = settings_row().paused_at
    call_command("massmail_pause", "second")
    assert "paused already" in capsys.readouterr().out
    assert (settings_row().paused_at, settings_row().pause_note) == (first, "first")


def test_resume_lets_this_database_send(capsys):
    call_command("massmail_pause")
    call_command("massmail_resume")
    assert capsys.readouterr().out.splitlines()[-1] == "Sending goes on."
    assert settings_row().paused_at is None
    assert settings_row().fingerprint == fingerprint()


def test_resume_without_a_pause_says_so(capsys):
    call_command("massmail_resume")
    assert capsys.readouterr().out == "Sending was not paused: nothing was changed.\n"
