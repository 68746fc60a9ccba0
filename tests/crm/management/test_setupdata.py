from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db.models import Model

from common.models import Department
from massmail.models import MassmailSettings
from tests.factories import SuperuserFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_superuser_in_the_environment(monkeypatch):
    for name in ("USERNAME", "PASSWORD", "EMAIL"):
        monkeypatch.delenv(f"DJANGO_SUPERUSER_{name}", raising=False)


def test_without_a_name_no_superuser_is_made():
    call_command("setupdata", stdout=StringIO())

    assert Group.objects.filter(name="managers").count() == 1
    assert User.objects.count() == 0


def test_superuser_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "root")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a secret")
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "root@example.com")
    said = StringIO()

    call_command("setupdata", stdout=said)
    call_command("setupdata", stdout=said)

    root = User.objects.get(username="root")
    assert (root.is_superuser, root.email) == (True, "root@example.com")
    assert "Superuser root: was created." in said.getvalue()
    assert "nothing of it was changed" in said.getvalue()


def everything() -> list[object]:
    """Every row that an installation writes, with its permissions."""
    tables: list[object] = []
    models: list[type[Model]] = [*apps.get_app_config("crm").get_models(), User]
    models += [Department, MassmailSettings]
    for model in models:
        tables.extend(model._default_manager.order_by("pk").values())
    tables.extend(Group.objects.order_by("pk").values_list("name", "permissions__codename"))
    tables.extend(User.objects.order_by("pk").values_list("username", "groups__name"))
    return tables


def test_second_run_changes_nothing(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "root")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a secret")
    call_command("setupdata", stdout=StringIO())
    before = everything()

    call_command("setupdata", stdout=StringIO())

    assert everything() == before


def test_staff_from_before_become_co_workers():
    olga = UserFactory.create()

    call_command("setupdata", stdout=StringIO())

    assert [group.name for group in olga.groups.all()] == ["co-workers"]


def test_it_says_what_to_do_next(monkeypatch):
    without, with_superuser = StringIO(), StringIO()

    call_command("setupdata", stdout=without)
    SuperuserFactory.create()
    call_command("setupdata", stdout=with_superuser)

    assert "Next: nobody can log in as superuser yet." in without.getvalue()
    assert "https://mail.example.com/admin/auth/user/add/" in with_superuser.getvalue()
