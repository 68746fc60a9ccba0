from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command

from common.management.commands import rotate_keys

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture(autouse=True)
def _rows(safe, settings):
    """Write three secrets with the old key, and two rows without one."""
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    for number in range(3):
        safe.objects.create(password=f"secret {number}")
    safe.objects.create(password="")


@pytest.fixture
def rotate(safe, monkeypatch):
    """Return a function that runs the command on that model and gives what it prints."""
    monkeypatch.setattr(apps, "get_models", lambda: [safe])

    def run() -> str:
        output = StringIO()
        call_command("rotate_keys", stdout=output)
        return output.getvalue()

    return run


def test_rotate_keys_makes_the_old_key_superfluous(safe, rotate, settings, monkeypatch):
    monkeypatch.setattr(rotate_keys, "BATCH_SIZE", 2)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert rotate() == "common.Safe.password: 3 re-encrypted, 0 already current, 0 unreadable\n"
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    secrets = [row.password for row in safe.objects.order_by("pk")]
    assert secrets == ["secret 0", "secret 1", "secret 2", ""]


def test_rotate_keys_may_be_repeated(rotate, settings):
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    assert rotate() == "common.Safe.password: 0 re-encrypted, 3 already current, 0 unreadable\n"


def test_rotate_keys_fails_for_what_it_cannot_read(safe, rotate, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OTHER]
    safe.objects.create(password="readable")
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OTHER]
    with pytest.raises(CommandError, match="3 secrets cannot be read"):
        rotate()


def test_rotate_keys_leaves_a_row_that_changed_meanwhile(safe, settings):
    row = safe.objects.first()
    read_before = safe.objects.values_list("password", flat=True).get(pk=row.pk)
    safe.objects.filter(pk=row.pk).update(password="changed")
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    field = safe._meta.get_field("password")
    assert rotate_keys._rotate_row(safe, field, row.pk, read_before) == "changed"
    assert safe.objects.get(pk=row.pk).password == "changed"


def test_encrypted_fields_finds_them_in_every_app():
    names = {field.name for _, field in rotate_keys.encrypted_fields(apps.get_models())}
    assert {"email_host_password", "email_app_password", "refresh_token"} <= names
