"""The rotations of several users are those of each of them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from massmail.models import EmailAccount
from massmail.services.rotations import rotations_of
from tests.factories import DepartmentFactory, EmailAccountFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_rotations_are_those_of_each_user():
    sales, support = DepartmentFactory.create(), DepartmentFactory.create()
    ann = UserFactory.create(departments=[sales])
    bob = UserFactory.create(departments=[sales, support])
    eve = UserFactory.create(departments=[support])
    EmailAccountFactory.create(owner=ann, department=sales)
    EmailAccountFactory.create(owner=ann, department=sales, shared=True)
    EmailAccountFactory.create(owner=ann, department=sales, shared=True, massmail=False)
    EmailAccountFactory.create(owner=ann, main=True)
    EmailAccountFactory.create(owner=bob, co_owner=eve)
    EmailAccountFactory.create(owner=bob, shared=True)  # without a department: with nobody

    with CaptureQueriesContext(connection) as queries:
        found = rotations_of([ann, bob, eve])

    expected = {u.pk: list(EmailAccount.objects.in_rotation_of(u)) for u in (ann, bob, eve)}
    assert found == expected
    assert [len(accounts) for accounts in found.values()] == [2, 3, 1]
    assert len(queries) == 2
