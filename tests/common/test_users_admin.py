"""Users, roles and departments in the admin."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common.models import UserProfile
from crm.services import installation
from tests.factories import CompanyFactory, DepartmentFactory, SuperuserFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:auth_user_changelist")


@pytest.fixture
def root(client: Client) -> User:
    installation.install_groups()
    user = SuperuserFactory.create(username="root")
    client.force_login(user)
    return user


def form_of(user: User, **changes: object) -> dict[str, object]:
    values = {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [],
        "profile-TOTAL_FORMS": "1",
        "profile-INITIAL_FORMS": "0",
        "profile-0-user": user.pk,
        "profile-0-language_code": "",
        "profile-0-time_zone": "",
    }
    return {name: value for name, value in (values | changes).items() if value is not None}


def test_list_names_departments_and_roles(client, root):
    department = DepartmentFactory.create(name="Sales")
    managers = Group.objects.get(name="managers")
    UserFactory.create(username="olga", departments=[department, managers])

    response = client.get(LIST, {"q": "olga"})

    (user,) = response.context["cl"].result_list
    shown = response.context["cl"].model_admin
    assert (shown.departments(user), shown.roles(user)) == ("Sales", "managers")


def test_list_asks_as_many_queries_for_many_as_for_few(client, root):
    department = DepartmentFactory.create()

    def queries_for(number: int) -> int:
        for _ in range(number):
            UserFactory.create(departments=[department])
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        return len(queries)

    queries_for(1)
    assert queries_for(1) == queries_for(8)


def test_new_user_is_a_co_worker_in_the_chosen_department(client, root):
    department = DepartmentFactory.create(name="Sales")
    form = {
        "username": "olga",
        "usable_password": "true",
        "password1": "blue lantern 7",
        "password2": "blue lantern 7",
        "is_staff": "on",
        "groups": [department.pk],
    }

    response = client.post(reverse("admin:auth_user_add"), form)

    olga = User.objects.get(username="olga")
    assert response.status_code == 302
    assert {group.name for group in olga.groups.all()} == {"Sales", "co-workers"}


def test_user_page_saves_language_and_time_zone(client, root):
    olga = UserFactory.create(username="olga")
    form = form_of(
        olga, **{"profile-0-language_code": "de", "profile-0-time_zone": "Europe/Berlin"}
    )

    response = client.post(reverse("admin:auth_user_change", args=[olga.pk]), form)

    assert response.status_code == 302
    profile = UserProfile.objects.get(user=olga)
    assert (profile.language_code, profile.time_zone) == ("de", "Europe/Berlin")


def test_deactivated_user_is_signed_out_at_once(client, root):
    olga, theirs = UserFactory.create(username="olga"), Client()
    theirs.force_login(olga)
    assert theirs.get(reverse("admin:index")).status_code == 200

    client.post(reverse("admin:auth_user_change", args=[olga.pk]), form_of(olga, is_active=None))

    answer = theirs.get(reverse("admin:index"))
    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/admin/")


def test_who_owns_something_is_kept_when_deleted(client, root):
    company = CompanyFactory.create()
    owner = company.owner
    assert owner is not None

    page = client.post(reverse("admin:auth_user_delete", args=[owner.pk]), {"post": "yes"})

    assert page.context["protected"]
    assert User.objects.filter(pk=owner.pk).exists()


def test_departments_count_their_people_and_stay_out_of_the_roles(client, root):
    department = DepartmentFactory.create(name="Sales")
    UserFactory.create(departments=[department])

    departments = client.get(reverse("admin:common_department_changelist")).context["cl"]
    roles = client.get(reverse("admin:auth_group_changelist")).context["cl"]

    (row,) = departments.queryset
    assert departments.model_admin.people(row) == 1
    assert "Sales" not in {group.name for group in roles.queryset}
