import json

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection
from django.forms import modelform_factory

from common.fields import Sealed, SecretUnreadable, key_fingerprint

STORED_BY_F1 = (
    "f1:gAAAAABrAvsQaG2fzIuHGIvf0LvD_x2cq-82lY7Ub8e7H2rC"
    "jxJ4K46PVR-qWTNkJkA8E4WLgUYZmI-F2m4JY3nO0oZBD-zQOQ=="
)
KEYS = [Fernet.generate_key().decode() for _ in range(2)]


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.FIELD_ENCRYPTION_KEYS = [KEYS[0]]


def stored(row) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM common_safe WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    "secret", ["pass word", "pässwörd ✓", "f1:", " ", "f1:gAAAAAB+", "x" * 9000]
)
def test_secret_comes_back_and_is_stored_encrypted(safe, secret):
    row = safe.objects.create(password=secret)
    assert row.password == secret
    assert safe.objects.get().password == secret
    assert stored(row).startswith("f1:gAAAA")
    assert stored(row).count(secret) <= (secret == "f1:")


def test_nothing_is_stored_as_nothing(safe):
    row = safe.objects.create()
    assert stored(row) == ""
    assert safe.objects.get().password == ""


def test_equal_secrets_look_different(safe):
    rows = [safe.objects.create(password="same") for _ in range(2)]
    assert stored(rows[0]) != stored(rows[1])


def test_update_encrypts(safe):
    row = safe.objects.create(password="old")
    safe.objects.update(password="new")
    row.refresh_from_db()
    assert row.password == "new"
    assert "new" not in stored(row)


def test_deferred_secret_is_read_when_asked_for(safe):
    safe.objects.create(password="late")
    assert safe.objects.defer("password").get().password == "late"
    assert safe.objects.only("password").get().password == "late"


def test_saving_leaves_an_unchanged_secret_as_it_is(safe, settings):
    row = safe.objects.create(password="kept")
    before = stored(row)
    settings.FIELD_ENCRYPTION_KEYS = [KEYS[1]]  # the wrong key: nothing is read, nothing is lost
    loaded = safe.objects.get()
    loaded.name = "renamed"
    loaded.save()
    assert stored(row) == before


def test_saving_a_deferred_secret_by_name(safe):
    row = safe.objects.create(password="kept")
    safe.objects.defer("password").get().save(update_fields=["password"])
    row.refresh_from_db()
    assert row.password == "kept"


def test_wrong_key_is_loud_when_the_secret_is_read(safe, settings):
    safe.objects.create(name="first", password="lost")
    settings.FIELD_ENCRYPTION_KEYS = [KEYS[1]]
    row = safe.objects.get()
    assert row.name == "first"
    with pytest.raises(SecretUnreadable, match="FIELD_ENCRYPTION_KEYS"):
        _ = row.password


def test_text_that_was_never_encrypted_is_loud(safe):
    row = safe.objects.create(password="x")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE common_safe SET password = 'clear text'")
    with pytest.raises(SecretUnreadable):
        row.refresh_from_db()


def test_older_keys_decrypt(safe, settings):
    safe.objects.create(password="old")
    settings.FIELD_ENCRYPTION_KEYS = [KEYS[1], KEYS[0]]
    assert safe.objects.get().password == "old"


def test_the_secret_key_has_no_part_in_it(safe, settings):
    safe.objects.create(password="stays")
    settings.SECRET_KEY = "another one"
    assert safe.objects.get().password == "stays"


@pytest.mark.parametrize("lookup", ["exact", "contains", "startswith", "in", "length"])
def test_lookups_are_refused(safe, lookup):
    with pytest.raises(FieldError):
        safe.objects.filter(**{f"password__{lookup}": "x"})


def test_isnull_is_the_one_lookup(safe):
    row = safe.objects.create(password="x")
    assert safe.objects.get(password__isnull=False) == row


def test_values_are_sealed(safe):
    safe.objects.create(password="hidden")
    value = safe.objects.values_list("password", flat=True).get()
    assert isinstance(value, Sealed)
    assert "hidden" not in f"{value} {value!r}"
    assert value.reveal() == "hidden"


def test_fixture_holds_no_clear_text_and_loads(safe):
    safe.objects.create(password="hidden")
    row = safe.objects.get()
    text = serializers.serialize("json", [row])
    assert json.loads(text)[0]["fields"]["password"] == stored(row)
    # what a fixture holds is recognised as stored text, and not encrypted once more
    field = safe._meta.get_field("password")
    assert field.get_prep_value(field.to_python(stored(row))) == stored(row)
    assert not isinstance(field.to_python("f1:gAAAA is my password"), Sealed)


def test_form_never_shows_the_secret(safe):
    row = safe.objects.create(password="hidden")
    form = modelform_factory(safe, fields=["name", "password"])(instance=row)
    assert "hidden" not in form.as_p()
    assert 'type="password"' in form.as_p()
    posted = modelform_factory(safe, fields=["password"])({"password": "typed"}, instance=row)
    assert "typed" not in posted.as_p()


@pytest.mark.parametrize(("typed", "expected"), [("", "old"), ("new", "new"), (" new ", " new ")])
def test_form_keeps_the_secret_unless_one_is_typed(safe, typed, expected):
    row = safe.objects.create(password="old")
    form = modelform_factory(safe, fields=["password"])({"password": typed}, instance=row)
    assert form.is_valid()
    form.save()
    assert safe.objects.get().password == expected


def test_fingerprint_names_the_first_key(settings):
    first = key_fingerprint()
    settings.FIELD_ENCRYPTION_KEYS = [KEYS[1], KEYS[0]]
    assert len(first) == 16
    assert key_fingerprint() != first
    settings.FIELD_ENCRYPTION_KEYS = [KEYS[0]]
    assert key_fingerprint() == first


def test_format_is_stable(settings):
    """What an earlier release stored stays readable: the derivation of the keys is part of it."""
    settings.FIELD_ENCRYPTION_KEYS = ["dGhlIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVzISE="]
    assert Sealed(STORED_BY_F1).reveal() == "a password"
