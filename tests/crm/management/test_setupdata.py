from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

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
