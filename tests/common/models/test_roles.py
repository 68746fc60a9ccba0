"""What each role reads and changes: every owned model, one's own, the department's, others'."""

from collections.abc import Iterable

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, FileField

from common.models import Base1, Department, OwnedQuerySet, Role, membership_of
from crm.models import Company
from crm.services import installation
from massmail.models import Recipient
from tests.factories import DepartmentFactory, SuperuserFactory, UserFactory

pytestmark = pytest.mark.django_db

OWNED = sorted(
    (model for model in apps.get_models() if issubclass(model, Base1)),
    key=lambda model: model._meta.label,
)
WHOSE = ("own", "department", "foreign")

# role -> (reads, changes, changes of people): how many of WHOSE
REACH = {
    None: (2, 1, 1),
    Role.MANAGERS: (2, 1, 1),
    Role.ACCOUNTANTS: (2, 1, 1),
    Role.TASK_OPERATORS: (2, 1, 1),
    Role.DEPARTMENT_HEADS: (2, 1, 1),
    Role.CO_WORKERS: (2, 1, 1),
    Role.OPERATORS: (2, 1, 2),
    Role.SUPEROPERATORS: (2, 2, 2),
    Role.CHIEFS: (3, 1, 1),
    "superuser": (3, 3, 3),
    "inactive": (0, 0, 0),
}
CELLS = [
    pytest.param(role, model, id=f"{role or 'nobody in particular'}-{model._meta.label_lower}")
    for role in REACH
    for model in OWNED
]


@pytest.fixture
def departments() -> tuple[Department, Department]:
    return DepartmentFactory.create(), DepartmentFactory.create()


def somebody(role: str | None, department: Department | None) -> User:
    """A user in that role and department, read anew as a request does."""
    groups: list[Group] = [department] if department else []
    if isinstance(role, Role):
        groups.append(Group.objects.get_or_create(name=role)[0])
    make = SuperuserFactory if role == "superuser" else UserFactory
    user = make.create(is_active=role != "inactive", departments=groups)
    return User.objects.get(pk=user.pk)


def insert(model: type[Base1], owner: User, department: Department | None) -> int:
    """A row of any owned model with as little as its table takes."""
    values: dict[str, object] = {"owner": owner, "department": department}
    for field in model._meta.concrete_fields:
        if field.name == "company":
            values["company"] = Company.objects.create(full_name=f"C {owner.pk}", owner=owner)
        elif field.unique and not field.primary_key and isinstance(field, CharField | FileField):
            values[field.name] = f"unique-{owner.pk}"
        elif field.name in {"width", "height", "size_bytes"}:
            values[field.name] = 1
        elif field.name == "full_name":
            values["full_name"] = f"Company {owner.pk}"
        elif field.name == "content_type":
            values["content_type"] = ContentType.objects.get_for_model(Company)
    row = model(**values)
    row.save()
    return row.pk


def names_of(found: Iterable[int], rows: dict[str, int]) -> list[str]:
    pks = set(found)
    return [whose for whose, pk in rows.items() if pk in pks]


@pytest.mark.parametrize(("role", "model"), CELLS)
def test_role_reaches_as_far_as_the_table_says(role, model, departments):
    here, there = departments
    user = somebody(role, here)
    rows = {
        "own": insert(model, user, here),
        "department": insert(model, UserFactory.create(departments=[here]), here),
        "foreign": insert(model, UserFactory.create(departments=[there]), there),
    }
    if hasattr(model, "shared"):  # a department reads the accounts that are shared with it
        model._default_manager.update(shared=True)
    reads, changes, changes_people = REACH[role]
    queryset = model._default_manager.get_queryset()
    assert isinstance(queryset, OwnedQuerySet)

    read = names_of(queryset.visible_to(user).values_list("pk", flat=True), rows)
    changed = names_of(queryset.changeable_by(user).values_list("pk", flat=True), rows)

    expected = changes_people if issubclass(model, Recipient) else changes
    assert (read, changed) == (list(WHOSE[:reads]), list(WHOSE[:expected]))


def test_every_owned_model_is_in_the_matrix():
    names = {model._meta.label for model in OWNED}
    assert names >= {
        *("crm.Company", "crm.Contact", "crm.Lead", "guests.Guest"),
        *("massmail.EmailAccount", "massmail.EmlMessage", "massmail.MailingOut"),
        "massmail.Signature",
    }


@pytest.mark.parametrize("role", [None, Role.MANAGERS, Role.OPERATORS, Role.SUPEROPERATORS])
def test_without_a_department_there_is_only_ones_own(role, departments):
    user = somebody(role, None)
    mine = insert(Company, user, None)
    insert(Company, UserFactory.create(), None)
    insert(Company, UserFactory.create(), departments[0])

    companies = Company.objects
    assert list(companies.visible_to(user).values_list("pk", flat=True)) == [mine]
    assert list(companies.changeable_by(user).values_list("pk", flat=True)) == [mine]


def test_operator_of_two_departments_keeps_the_people_of_both(departments):
    user = somebody(Role.OPERATORS, departments[0])
    user.groups.add(departments[1])
    rows = [insert(Company, UserFactory.create(), department) for department in departments]

    changeable = Company.objects.changeable_by(user).order_by("pk")
    assert list(changeable.values_list("pk", flat=True)) == rows


def test_several_roles_reach_as_far_as_the_furthest(departments):
    user = somebody(Role.CHIEFS, departments[0])
    user.groups.add(Group.objects.create(name=Role.OPERATORS))
    rows = [insert(Company, UserFactory.create(), department) for department in departments]

    assert Company.objects.visible_to(user).count() == 2
    assert [row.pk for row in Company.objects.changeable_by(user)] == rows[:1]


def test_nobody_logged_in_belongs_to_nothing():
    membership = membership_of(AnonymousUser())
    assert (membership.roles, membership.department_ids) == (frozenset(), ())


def test_groups_are_read_once_for_a_user(departments, django_assert_num_queries):
    user = somebody(Role.MANAGERS, departments[0])

    with django_assert_num_queries(3):
        list(Company.objects.visible_to(user))
        list(Company.objects.changeable_by(user))
        assert membership_of(user).has(Role.MANAGERS, Role.CHIEFS)


def test_every_role_is_a_group_of_the_installation():
    installation.install()

    assert set(Group.objects.filter(department=None).values_list("name", flat=True)) == set(Role)


def test_new_staff_are_co_workers_and_others_are_not():
    installation.install_groups()

    assert [group.name for group in UserFactory.create().groups.all()] == ["co-workers"]
    assert not UserFactory.create(is_staff=False).groups.exists()


def test_a_fixture_says_itself_who_is_a_co_worker(db):
    installation.install_groups()
    user = User(username="loaded", is_staff=True)

    user.save_base(raw=True)

    assert not user.groups.exists()
