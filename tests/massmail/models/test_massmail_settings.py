from datetime import UTC, date, datetime, time

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from massmail.models import MassmailSettings

pytestmark = pytest.mark.django_db


def test_the_row_is_made_with_careful_defaults():
    row = MassmailSettings.load()
    assert (row.pk, row.emails_per_day, row.gap_min_s, row.gap_max_s) == (1, 94, 15, 35)
    assert (row.use_business_time, row.paused_at) == (False, None)
    assert (row.business_time_start, row.business_time_end) == (time(8, 30), time(17, 30))
    assert row.sending_days == (True, True, True, True, False, False, False)
    assert str(row) == "Mass mailing settings"


def test_loading_again_makes_no_other_row():
    MassmailSettings.load()
    MassmailSettings.objects.update(emails_per_day=7)
    assert MassmailSettings.load().emails_per_day == 7
    assert MassmailSettings.objects.count() == 1


def test_saving_another_object_changes_the_one_row():
    MassmailSettings.load()
    MassmailSettings(pk=5, emails_per_day=8).save()
    assert list(MassmailSettings.objects.values_list("pk", "emails_per_day")) == [(1, 8)]


def test_a_second_row_is_refused():
    MassmailSettings.load()
    with pytest.raises(IntegrityError):
        MassmailSettings.objects.bulk_create([MassmailSettings(pk=2)])


@pytest.mark.parametrize(
    "values",
    [
        {"gap_min_s": 36},
        {"gap_max_s": 14},
        {"business_time_start": time(17, 30)},
        {"business_time_end": time(8, 29)},
    ],
)
def test_a_range_the_wrong_way_round_is_refused(values):
    MassmailSettings.load()
    with pytest.raises(IntegrityError):
        MassmailSettings.objects.update(**values)


def test_sending_hours_without_a_day_are_refused_in_the_form():
    row = MassmailSettings.load()
    row.monday = row.tuesday = row.wednesday = row.thursday = False
    row.full_clean()
    row.use_business_time = True
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    assert refused.value.messages == ["Choose at least one day, or switch the sending hours off."]


def test_a_wrong_time_zone_is_refused_in_the_form():
    row = MassmailSettings.load()
    row.time_zone = "Mars/Base"
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    assert set(refused.value.message_dict) == {"time_zone"}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", date(2026, 3, 1)),
        ("Pacific/Kiritimati", date(2026, 3, 2)),
        ("America/New_York", date(2026, 3, 1)),
        ("Pacific/Pago_Pago", date(2026, 3, 1)),
    ],
)
def test_the_date_is_the_zones_own(zone, expected):
    row = MassmailSettings(time_zone=zone)
    assert row.local_date(datetime(2026, 3, 1, 23, 30, tzinfo=UTC)) == expected
    assert str(row.zone) == zone
