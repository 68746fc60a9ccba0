"""Accounts in trouble: the first few are named, the others counted."""

from datetime import timedelta

import pytest

from massmail.clock import database_now
from massmail.services import account_reasons
from massmail.services.account_health import Hindrance, Obstacle
from massmail.services.scene import Waiting
from tests.factories import EmailAccountFactory

NOW_FIRST = "account1 keeps"


def waiting(number: int, obstacle: Obstacle, **values) -> list[Waiting]:
    now = database_now()
    return [
        Waiting(
            EmailAccountFactory.build(pk=place, name=f"account{place}", **values),
            pending=1,
            due_at=None,
            hindrance=Hindrance(obstacle, now + timedelta(minutes=place)),
        )
        for place in range(1, number + 1)
    ]


@pytest.mark.django_db
def test_many_accounts_with_one_trouble_are_counted():
    rows = waiting(10_000, Obstacle.GAP)

    found = list(account_reasons.of_accounts(rows, database_now()))

    assert [each.code for each in found] == ["gap"] * 6
    assert found[0].text.startswith(NOW_FIRST)
    assert found[5].text == "9,995 more accounts wait in the same way."
    assert found[5].until == rows[5].free_at


@pytest.mark.django_db
def test_troubles_are_told_apart_and_chosen():
    rows = waiting(1, Obstacle.GAP) + waiting(1, Obstacle.LIMIT)
    now = database_now()

    every = [each.code for each in account_reasons.of_accounts(rows, now)]
    lasting = account_reasons.of_accounts(rows, now, only=account_reasons.LASTING)

    assert (every, [each.code for each in lasting]) == (["gap", "limit"], ["limit"])


def test_every_obstacle_has_a_code():
    assert set(account_reasons.CODES) == set(Obstacle)
