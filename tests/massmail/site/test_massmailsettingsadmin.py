"""The one row of settings: for superusers, in words, with the switch that pauses everything."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.models import MassmailSettings
from massmail.services import installation
from tests.massmail.cast import Cast

LIST = "admin:massmail_massmailsettings_changelist"
PAGE = reverse("admin:massmail_massmailsettings_change", args=[1])


@pytest.fixture
def superuser(client: Client, cast: Cast) -> Client:
    client.force_login(cast.superuser)
    return client


def test_list_leads_to_the_one_row(superuser: Client) -> None:
    assert superuser.get(reverse(LIST))["Location"] == PAGE


def test_settings_are_for_superusers(client: Client, cast: Cast) -> None:
    MassmailSettings.load()
    client.force_login(cast.owner)
    assert [client.get(url).status_code for url in (PAGE, reverse(LIST))] == [403, 403]


@pytest.mark.parametrize("name", ["add", "delete"])
def test_there_is_always_one_row(superuser: Client, name: str) -> None:
    MassmailSettings.load()
    arguments = [1] if name == "delete" else []
    url = reverse(f"admin:massmail_massmailsettings_{name}", args=arguments)
    assert superuser.post(url, {"post": "yes"}).status_code == 403
    assert MassmailSettings.objects.count() == 1


def test_hours_are_said_in_words(superuser: Client) -> None:
    MassmailSettings.load()
    assert "Mail leaves at any hour, on any day." in superuser.get(PAGE).text
    MassmailSettings.objects.update(use_business_time=True, time_zone="Europe/Berlin")
    assert "Mail leaves Mon–Thu 08:30–17:30 Europe/Berlin." in superuser.get(PAGE).text


def test_switch_stands_on_the_page(superuser: Client) -> None:
    MassmailSettings.load()
    assert reverse("pause_all_sending") in superuser.get(PAGE).text
    installation.pause_all(note="Moving.")
    text = superuser.get(PAGE).text
    assert reverse("resume_all_sending") in text
    assert "Moving." in text


def test_settings_are_saved_and_the_page_stays(superuser: Client) -> None:
    row = MassmailSettings.load()
    data = {
        "emails_per_day": 50,
        "gap_min_s": row.gap_min_s,
        "gap_max_s": row.gap_max_s,
        "business_time_start": "09:00",
        "business_time_end": "17:00",
        "monday": "on",
        "time_zone": "Europe/Berlin",
        "unsubscribe_url": "",
    }
    response = superuser.post(PAGE, data)
    row.refresh_from_db()
    assert (response["Location"], row.emails_per_day, row.tuesday) == (PAGE, 50, False)


def test_hours_that_end_before_they_begin_are_refused_in_words(superuser: Client) -> None:
    MassmailSettings.load()
    data = {
        "emails_per_day": 50,
        "gap_min_s": 15,
        "gap_max_s": 35,
        "business_time_start": "17:00",
        "business_time_end": "09:00",
        "monday": "on",
        "time_zone": "Europe/Berlin",
    }
    assert "The sending hours must start before they end." in superuser.post(PAGE, data).text
