"""A rotation: new recipients are shared out fairly, whoever joins or leaves meanwhile."""

import pytest
from django.db import IntegrityError

from massmail.models import EmlAccountsQueue
from tests.factories import EmailAccountFactory, MainAccountFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return UserFactory.create()


def position(owner) -> int:
    return EmlAccountsQueue.objects.get(owner=owner).position


def test_it_goes_on_where_it_stood(owner):
    first, second, third = (EmailAccountFactory.create(owner=owner).pk for _ in range(3))
    assert EmlAccountsQueue.take(owner, 4) == [first, second, third]
    assert EmlAccountsQueue.take(owner, 1) == [second, third, first]
    assert EmlAccountsQueue.take(owner, 0) == [third, first, second]
    assert EmlAccountsQueue.take(owner, 1) == [third, first, second]
    assert position(owner) == 0


def test_many_turns_are_fair(owner):
    accounts = [EmailAccountFactory.create(owner=owner).pk for _ in range(3)]
    first_ones = [EmlAccountsQueue.take(owner, 1)[0] for _ in range(9)]
    assert [first_ones.count(account) for account in accounts] == [3, 3, 3]


def test_an_account_that_left_is_passed_over(owner):
    accounts = [EmailAccountFactory.create(owner=owner) for _ in range(3)]
    EmlAccountsQueue.take(owner, 2)
    accounts[2].delete()
    assert EmlAccountsQueue.take(owner, 1) == [accounts[0].pk, accounts[1].pk]


def test_a_main_account_and_one_that_is_off_have_no_turn(owner):
    MainAccountFactory.create(owner=owner)
    EmailAccountFactory.create(owner=owner, massmail=False)
    EmailAccountFactory.create()
    assert EmlAccountsQueue.take(owner, 5) == []
    assert position(owner) == 0


def test_an_owner_has_one(owner):
    EmlAccountsQueue.objects.create(owner=owner)
    with pytest.raises(IntegrityError):
        EmlAccountsQueue.objects.create(owner=owner)


def test_each_owner_has_their_own(owner):
    EmailAccountFactory.create_batch(2, owner=owner)
    other = UserFactory.create(username="olga")
    EmailAccountFactory.create_batch(2, owner=other)
    EmlAccountsQueue.take(owner, 1)
    EmlAccountsQueue.take(other, 0)
    assert (position(owner), position(other)) == (1, 0)
    assert str(EmlAccountsQueue.objects.get(owner=other)) == "olga"


def test_an_account_given_away_has_its_turn_with_the_new_owner(owner):
    other = UserFactory.create()
    kept, given = (EmailAccountFactory.create(owner=owner) for _ in range(2))
    EmlAccountsQueue.take(owner, 1)

    given.owner = other
    given.save()

    assert EmlAccountsQueue.take(owner, 1) == [kept.pk]
    assert EmlAccountsQueue.take(other, 1) == [given.pk]


def test_an_account_switched_off_and_on_again_keeps_its_turn(owner):
    accounts = [EmailAccountFactory.create(owner=owner) for _ in range(2)]
    for is_on, turns in ((False, accounts[:1]), (True, accounts)):
        accounts[1].massmail = is_on
        accounts[1].save()
        assert EmlAccountsQueue.take(owner, 0) == [account.pk for account in turns]
