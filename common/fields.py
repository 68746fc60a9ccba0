"""Secrets in the database: a text field that is encrypted with FIELD_ENCRYPTION_KEYS alone.

What it does not do: hide whether there is a value, or protect a running process that has the keys.
"""

import base64
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django import forms
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute

PREFIX = "f1:"  # the format: Fernet, keys derived with HKDF-SHA256 (RFC 5869)
# What the field itself stored: a password that merely begins with the prefix is longer or shorter.
SEALED = re.compile(re.escape(PREFIX) + r"gAAAA[\w-]{93,}={0,2}")

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class SecretUnreadable(Exception):
    """A stored secret cannot be decrypted: trouble of the installation, not of an account."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be read with FIELD_ENCRYPTION_KEYS "
            f"(key {key_fingerprint()}): the key that encrypted it is missing."
        )


@functools.lru_cache(maxsize=4)
def ciphers(keys: Sequence[str]) -> tuple[Fernet, ...]:
    """Return a cipher for each of the installation's keys; the first one encrypts."""
    return tuple(Fernet(base64.urlsafe_b64encode(_derived(key, b"field", 32))) for key in keys)


def key_fingerprint() -> str:
    """Name the key that encrypts, in a way that says nothing about it: 16 hexadecimal digits."""
    return _derived(settings.FIELD_ENCRYPTION_KEYS[0], b"fingerprint", 8).hex()


def _derived(key: str, purpose: bytes, length: int) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=length, salt=None, info=b"massmail f1 " + purpose)
    return hkdf.derive(base64.urlsafe_b64decode(key))


def _multi_fernet() -> MultiFernet:
    return MultiFernet(ciphers(tuple(settings.FIELD_ENCRYPTION_KEYS)))


class Sealed(str):
    """A secret as it is stored. Printing it gives nothing away."""

    __slots__ = ()

    @classmethod
    def of(cls, secret: str) -> "Sealed":
        """Encrypt `secret` with the first key."""
        return cls(PREFIX + _multi_fernet().encrypt(secret.encode()).decode())

    def reveal(self) -> str:
        """Decrypt. Raises SecretUnreadable, also for text that was never encrypted."""
        if not self.startswith(PREFIX):
            raise SecretUnreadable
        try:
            return _multi_fernet().decrypt(self.removeprefix(PREFIX)).decode()
        except InvalidToken:
            raise SecretUnreadable from None

    def renewed(self) -> "Sealed | None":
        """Return the secret encrypted with the first key, or None if it is so already.

        Raises SecretUnreadable.
        """
        token = self.removeprefix(PREFIX)
        try:
            ciphers(tuple(settings.FIELD_ENCRYPTION_KEYS))[0].decrypt(token)
        except InvalidToken:
            return Sealed.of(self.reveal())
        return None


class _SecretAttribute(DeferredAttribute):
    """Decrypt when the attribute is read: a row loads, and is listed, without its key."""

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        # Any: the attribute of an instance, or this descriptor itself on the class
        value = super().__get__(instance, cls)
        return value.reveal() if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: object) -> None:
        instance.__dict__[self.field.attname] = value


class SecretInput(forms.PasswordInput):
    """An input that never shows what is stored, nor lets a browser fill in the user's password."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "new-password"}, render_value=False)


class EncryptedTextField(TextField):
    """Text that only the application can read.

    Assign and read plain text; empty text is stored as it is. `values()` gives `Sealed` text. No
    lookup but `isnull`: equal secrets look different. In a form, nothing typed keeps what is
    stored. Reading raises SecretUnreadable when no key fits.
    """

    descriptor_class = _SecretAttribute

    def from_db_value(
        self, value: str | None, _expression: object, _connection: BaseDatabaseWrapper
    ) -> str | None:
        """Leave the stored text sealed."""
        return Sealed(value) if value else value

    def to_python(self, value: Any) -> Any:
        """Recognise stored text in a fixture."""
        is_stored = isinstance(value, str) and SEALED.fullmatch(value)
        return Sealed(value) if is_stored else super().to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt plain text; what is sealed stays as it is."""
        if value is None or value == "" or isinstance(value, Sealed):
            return value
        return Sealed.of(str(value))

    def get_db_prep_value(
        self,
        value: Any,
        connection: BaseDatabaseWrapper,
        prepared: bool = False,
    ) -> Any:
        """Hand plain `str` to the driver."""
        value = super().get_db_prep_value(value, connection, prepared)
        return str(value) if isinstance(value, Sealed) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Save a value that nobody changed as it was stored, without its key."""
        stored = model_instance.__dict__
        if self.attname in stored:
            return stored[self.attname]
        return super().pre_save(model_instance, add)

    def value_from_object(self, obj: models.Model) -> str:
        """Give forms nothing to show."""
        return ""

    def value_to_string(self, obj: models.Model) -> str:
        """Write the stored form into fixtures."""
        value = self.get_prep_value(obj.__dict__.get(self.attname))
        return value or ""

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        """Keep what is stored if nothing was typed."""
        if data:
            super().save_form_data(instance, data)

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        """Return a field whose widget never renders a value."""
        return super().formfield(**{"strip": False, **kwargs, "widget": SecretInput()})

    def get_lookup(self, lookup_name: str) -> "type[models.Lookup[Any]] | None":
        """Offer `isnull` alone."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> None:
        """Offer none."""
