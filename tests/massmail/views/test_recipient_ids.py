"""The old addresses of the lists of served and failed people."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.massmail.cast import Cast

OLD = [("successful_ids", "sent"), ("failed_ids", "failed")]


@pytest.mark.parametrize(("name", "state"), OLD)
def test_old_addresses_lead_to_the_list(client: Client, cast: Cast, name: str, state: str) -> None:
    client.force_login(cast.owner)
    draft = cast.draft(number=1)

    response = client.get(reverse(name, args=[draft.pk]))

    people = reverse("mailing_out_people", args=[draft.pk])
    assert response.headers["Location"] == f"{people}?state={state}"


@pytest.mark.parametrize(("name", "state"), OLD)
def test_strangers_find_nothing(client: Client, cast: Cast, name: str, state: str) -> None:
    client.force_login(cast.stranger)

    assert client.get(reverse(name, args=[cast.draft(number=1).pk])).status_code == 404
