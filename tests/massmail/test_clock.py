from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from massmail.clock import boot_seconds, database_now


@pytest.mark.django_db
def test_the_databases_time_is_aware_and_about_ours():
    now = database_now()
    assert now.tzinfo is not None
    assert now.utcoffset() == timedelta(0)
    assert abs(now - timezone.now()) < timedelta(minutes=1)
    assert now.astimezone(UTC) == now


@pytest.mark.django_db
def test_it_goes_on_inside_a_transaction():
    assert database_now() < database_now() or database_now() < database_now()


def test_boot_seconds_never_go_back():
    seconds = [boot_seconds() for _ in range(100)]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
