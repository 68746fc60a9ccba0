"""Who sees and who changes what: owner, colleague of the department, stranger, superuser."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError

from massmail.models import EmlMessage
from tests.factories import DepartmentFactory, EmlMessageFactory, SuperuserFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def department():
    return DepartmentFactory.create()


@pytest.fixture
def owner(department):
    return UserFactory.create(departments=[department])


@pytest.fixture
def message(owner, department):
    return EmlMessageFactory.create(owner=owner, department=department)


def rights(user) -> tuple[bool, bool]:
    """Whether the user sees the message, and whether they may change it."""
    messages = EmlMessage.objects
    return messages.visible_to(user).exists(), messages.changeable_by(user).exists()


def test_the_owner_sees_and_changes(message, owner):
    assert rights(owner) == (True, True)


def test_a_colleague_sees_and_does_not_change(message, department):
    assert rights(UserFactory.create(departments=[department])) == (True, False)


def test_a_stranger_does_not_see(message):
    assert rights(UserFactory.create(departments=[DepartmentFactory.create()])) == (False, False)


def test_a_superuser_sees_and_changes(message):
    assert rights(SuperuserFactory.create()) == (True, True)


def test_somebody_not_logged_in_sees_nothing(message):
    assert rights(AnonymousUser()) == (False, False)


def test_a_group_that_is_no_department_shows_nothing(message, owner):
    group = Group.objects.create(name="editors")
    owner.groups.add(group)
    other = UserFactory.create()
    other.groups.add(group)
    assert rights(other) == (False, False)


def test_without_a_department_only_the_owner_sees(owner, department):
    EmlMessageFactory.create(owner=owner)
    assert rights(UserFactory.create(departments=[department])) == (False, False)
    assert rights(owner) == (True, True)


def test_a_colleague_in_two_departments_sees_a_thing_once(message, department):
    colleague = UserFactory.create(departments=[department, DepartmentFactory.create()])
    assert list(EmlMessage.objects.visible_to(colleague)) == [message]


def test_an_owner_who_owns_something_is_not_deleted(message, owner):
    with pytest.raises(ProtectedError):
        owner.delete()


def test_a_department_that_has_something_is_not_deleted(message, department):
    with pytest.raises(ProtectedError):
        department.delete()


def test_who_changed_it_last_may_be_deleted(message):
    editor = UserFactory.create()
    message.modified_by = editor
    message.save(update_fields=["modified_by"])
    editor.delete()
    message.refresh_from_db()
    assert message.modified_by is None


def test_saving_moves_the_date_of_the_last_change_alone(message):
    created, updated = message.creation_date, message.update_date
    message.save()
    message.refresh_from_db()
    assert message.creation_date == created
    assert message.update_date > updated


def test_a_department_of_others_is_refused(owner):
    other = DepartmentFactory.create(name="Others")
    message = EmlMessageFactory.build(owner=owner, department=other)
    with pytest.raises(ValidationError) as refused:
        message.clean()
    text = f"{owner} does not belong to this department. Choose one of theirs."
    assert refused.value.message_dict == {"department": [text]}


def test_the_owners_department_is_accepted(owner, department):
    EmlMessageFactory.build(owner=owner, department=department).clean()
    EmlMessageFactory.build(owner=owner, department=None).clean()
