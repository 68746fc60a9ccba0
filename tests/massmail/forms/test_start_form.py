"""When a mailing out starts, as people write it."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from massmail.forms.start_form import StartForm


def form_of(**data: str) -> StartForm:
    form = StartForm(data)
    assert form.is_valid(), form.errors
    return form


def test_now_has_no_moment() -> None:
    assert form_of(when="now").at is None


def test_now_outweighs_a_moment() -> None:
    assert form_of(when="now", start_at="2099-01-01T08:00").at is None


def test_later_is_read_in_the_zone_of_the_user() -> None:
    with timezone.override("Asia/Tokyo"):
        form = form_of(when="later", start_at="2099-01-01T09:00")

    assert form.at == datetime(2099, 1, 1, tzinfo=UTC)


def test_moment_that_is_over_means_now() -> None:
    yesterday = timezone.localtime() - timedelta(days=1)

    assert form_of(when="later", start_at=yesterday.strftime("%Y-%m-%dT%H:%M")).at is None


def test_later_without_moment_is_refused() -> None:
    form = StartForm({"when": "later"})

    assert form.errors == {"start_at": ["Say when it starts."]}


def test_moment_that_is_none_is_refused_once() -> None:
    form = StartForm({"when": "later", "start_at": "soon"})

    assert {name: len(texts) for name, texts in form.errors.items()} == {"start_at": 1}
