"""Mails over time, as JSON and as a table."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from massmail.models import MailingOut
from tests.massmail.cast import Cast

NAMES = ("mailing_out_chart", "mailing_out_numbers")


@pytest.fixture
def sent(cast: Cast) -> MailingOut:
    """Two mails of three are sent."""
    mailing_out = cast.started(number=3)
    rows = mailing_out.deliveries.filter(
        pk__in=list(mailing_out.deliveries.values_list("pk", flat=True)[:2])
    )
    rows.update(status="sent", sent_at=timezone.now().replace(second=0))
    MailingOut.objects.update(sent_count=2, pending_count=1, attempts_count=2)
    return mailing_out


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_for_those_who_may_see_it(
    client: Client, cast: Cast, sent: MailingOut, name: str
) -> None:
    answers = {}
    for who in ("stranger", "colleague", "owner"):
        client.force_login(getattr(cast, who))
        answers[who] = client.get(reverse(name, args=[sent.pk])).status_code
    assert answers == {"stranger": 404, "colleague": 200, "owner": 200}
    assert client.post(reverse(name, args=[sent.pk])).status_code == 405


def test_chart_has_a_series_for_each_outcome_there_is(
    client: Client, cast: Cast, sent: MailingOut
) -> None:
    client.force_login(cast.owner)

    chart = client.get(reverse("mailing_out_chart", args=[sent.pk])).json()

    assert len(chart["labels"]) == 1
    assert chart["series"] == [{"key": "sent", "label": "sent", "data": [2]}]


def test_table_says_the_same(client: Client, cast: Cast, sent: MailingOut) -> None:
    client.force_login(cast.owner)
    response = client.get(reverse("mailing_out_numbers", args=[sent.pk]))
    assert [bar.sent for _label, bar in response.context["lines"]] == [2]


def test_page_draws_the_chart_once_something_was_sent(
    client: Client, cast: Cast, sent: MailingOut
) -> None:
    client.force_login(cast.owner)
    page = reverse("admin:massmail_mailingout_change", args=[sent.pk])
    assert "data-chart-url" in client.get(page).text
    MailingOut.objects.update(sent_count=0, pending_count=3, attempts_count=0)
    assert "data-chart-url" not in client.get(page).text
