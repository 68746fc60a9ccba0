"""The rotations, as superusers see them."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from massmail.models import EmlAccountsQueue
from tests.factories import EmailAccountFactory, UserFactory
from tests.massmail.cast import Cast

LIST = "admin:massmail_emlaccountsqueue_changelist"


def test_list_names_the_next_account_first(client: Client, cast: Cast) -> None:
    accounts = [cast.account(name=name) for name in ("one@", "two@", "three@")]
    cast.account(main=True)
    EmlAccountsQueue.objects.create(owner=cast.owner, position=4)
    client.force_login(cast.superuser)

    (queue,) = client.get(reverse(LIST)).context["cl"].result_list

    assert queue.turns == [accounts[1], accounts[2], accounts[0]]


def test_owner_without_accounts_has_no_turns(client: Client, cast: Cast) -> None:
    EmlAccountsQueue.objects.create(owner=cast.owner)
    client.force_login(cast.superuser)

    assert "none: new recipients are left out" in client.get(reverse(LIST)).text


def test_nobody_changes_a_rotation_by_hand(client: Client, cast: Cast) -> None:
    queue = EmlAccountsQueue.objects.create(owner=cast.owner)
    client.force_login(cast.superuser)

    answers = [
        client.get(reverse("admin:massmail_emlaccountsqueue_add")).status_code,
        client.post(
            reverse("admin:massmail_emlaccountsqueue_change", args=[queue.pk]), {"position": 3}
        ).status_code,
        client.post(
            reverse("admin:massmail_emlaccountsqueue_delete", args=[queue.pk]), {"post": "yes"}
        ).status_code,
    ]

    assert answers == [403, 403, 403]
    assert EmlAccountsQueue.objects.get().position == 0


def test_list_asks_as_many_questions_for_any_number(client: Client, cast: Cast) -> None:
    client.force_login(cast.superuser)
    counts = []
    for number in (2, 18):
        for _ in range(number):
            account = EmailAccountFactory.create(owner=UserFactory.create())
            EmlAccountsQueue.objects.create(owner=account.owner)
        client.get(reverse(LIST))
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse(LIST))
        counts.append(len(queries))

    assert counts[0] == counts[1]
