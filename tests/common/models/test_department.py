import pytest
from django.contrib.auth.models import Group

from common.models import Department
from tests.factories import DepartmentFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_users_departments_are_those_groups_that_are_departments():
    sales, _service = DepartmentFactory.create(), DepartmentFactory.create()
    user = UserFactory.create(departments=[sales])
    user.groups.add(Group.objects.create(name="editors"))
    assert list(Department.objects.of(user)) == [sales]


def test_who_is_in_none_has_none():
    DepartmentFactory.create()
    assert list(Department.objects.of(UserFactory.create())) == []


def test_a_department_is_a_group_with_its_permissions():
    sales = DepartmentFactory.create(name="Sales")
    assert Group.objects.get(pk=sales.pk).name == str(sales) == "Sales"
