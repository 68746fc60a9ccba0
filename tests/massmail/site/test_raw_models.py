"""What superusers alone see."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Contact
from massmail.models import MassContact, MassmailSettings
from tests.factories import EmailAccountFactory
from tests.massmail.cast import Cast

RAW = ("masscontact", "suppression", "massmailsettings", "emlaccountsqueue")


@pytest.fixture
def root(client: Client, cast: Cast) -> Client:
    client.force_login(cast.superuser)
    return client


@pytest.mark.parametrize("model", RAW)
def test_raw_models_are_for_superusers(client: Client, cast: Cast, model: str) -> None:
    answers = {}
    for who in ("superuser", "owner"):
        client.force_login(getattr(cast, who))
        answers[who] = client.get(
            reverse(f"admin:massmail_{model}_changelist"), follow=True
        ).status_code

    assert answers == {"superuser": 200, "owner": 403}


def test_settings_are_one_row(root: Client) -> None:
    response = root.get(reverse("admin:massmail_massmailsettings_changelist"))

    page = reverse("admin:massmail_massmailsettings_change", args=[1])
    assert response.headers["Location"] == page
    assert root.get(reverse("admin:massmail_massmailsettings_add")).status_code == 403


def test_settings_keep_a_pause_that_came_meanwhile(root: Client) -> None:
    row = MassmailSettings.load()
    page = reverse("admin:massmail_massmailsettings_change", args=[1])

    with CaptureQueriesContext(connection) as queries:
        root.post(
            page,
            {
                "emails_per_day": 50,
                "gap_min_s": row.gap_min_s,
                "gap_max_s": row.gap_max_s,
                "business_time_start": "08:30:00",
                "business_time_end": "17:30:00",
                **dict.fromkeys(("monday", "tuesday", "wednesday", "thursday"), "on"),
                "time_zone": row.time_zone,
            },
        )

    update = next(q["sql"] for q in queries if q["sql"].startswith('UPDATE "massmail_massmails'))
    assert MassmailSettings.load().emails_per_day == 50
    assert "paused_at" not in update


def test_mass_contacts_are_listed_with_as_many_questions_for_any_number(
    root: Client, cast: Cast
) -> None:
    url = reverse("admin:massmail_masscontact_changelist")
    kind = ContentType.objects.get_for_model(Contact)
    counts = []
    for number in (2, 18):
        for contact in cast.contacts(number):
            account = EmailAccountFactory.create()
            MassContact.objects.create(
                content_type=kind, object_id=contact.pk, email_account=account
            )
        root.get(url)
        with CaptureQueriesContext(connection) as queries:
            root.get(url)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_mass_contacts_are_filtered_by_account_and_its_owner(root: Client, cast: Cast) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    account, other = cast.account(), EmailAccountFactory.create()
    for number, each in enumerate((account, other, None)):
        MassContact.objects.create(content_type=kind, object_id=number, email_account=each)
    url = reverse("admin:massmail_masscontact_changelist")

    queries: tuple[dict[str, str | int], ...] = (
        {"account": account.pk},
        {"email_account__owner__id__exact": cast.owner.pk},
        {"account": "x"},
        {},
    )
    found = [len(root.get(url, query).context["cl"].result_list) for query in queries]

    assert found == [1, 1, 0, 3]
