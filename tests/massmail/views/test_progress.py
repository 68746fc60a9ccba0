"""What the card of a mailing out says while mails leave, or why none does."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from massmail.models import EmailAccount
from tests.massmail.campaigns import all_alive
from tests.massmail.cast import Cast

pytestmark = pytest.mark.django_db


def test_progress_says_in_one_sentence_what_comes_next(client: Client, cast: Cast) -> None:
    client.force_login(cast.owner)
    cast.account(name="sales@", kind="relay")
    mailing_out = cast.started(number=1)
    all_alive()
    card = reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])
    url = reverse("mailing_out_progress", args=[mailing_out.pk])

    found = client.get(url).json()
    assert (found["sentence"], found["next_mail"]) == (
        "The next mail leaves from sales@ within seconds.",
        "",
    )

    EmailAccount.objects.update(next_send_at=timezone.now() + timedelta(hours=1))
    found = client.get(url).json()
    assert (found["sentence"], found["next_mail"].endswith("from sales@")) == ("", True)

    mailing_out.pause()
    found = client.get(url).json()
    assert found["sentence"] == "No mail leaves until somebody acts."
    assert "No mail leaves until somebody acts." in client.get(card).text
