"""Typed values of environment variables, or one sentence that names the variable and what is wrong.

Pure but for `private_folder` and `kept_secret`. No message repeats a value: it may hold a password.
"""

import json
import os
import tempfile
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import getaddresses
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from cryptography.fernet import Fernet

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
SECRET_KEY_LENGTH = 50  # characters, as Django's own deployment check asks
DATABASE_SCHEMES = frozenset({"sqlite", "postgres", "postgresql"})
REDIS_SCHEMES = frozenset({"redis", "rediss"})
EMAIL_SCHEMES = frozenset(
    {"smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail", "filemail", "memorymail", "dummymail"}
)


class BadSettingError(ValueError):
    """An environment variable that cannot be used; its text is one line for the operator."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Environment:
    """Typed reading of `values`; an empty value is a missing one."""

    values: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        """Return the value without the white space around it."""
        return self.values.get(name, "").strip() or default

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return a switch: 1/0, true/false, yes/no, on/off."""
        word = self.text(name).lower()
        if not word:
            return default
        if word not in TRUE | FALSE:
            raise BadSettingError(name, "is neither 1 nor 0 (nor true/false, yes/no, on/off)")
        return word in TRUE

    def number(self, name: str, default: float, *, minimum: float) -> float:
        """Return a number of at least `minimum`."""
        word = self.text(name)
        try:
            value = float(word) if word else default
        except ValueError:
            raise BadSettingError(name, "is not a number") from None
        if not minimum <= value < float("inf"):
            raise BadSettingError(name, f"has to be a number of at least {minimum:g}")
        return value

    def words(self, name: str) -> list[str]:
        """Return the parts of a comma-separated list."""
        return [word for part in self.text(name).split(",") if (word := part.strip())]

    def time_zone(self, name: str, default: str) -> str:
        """Return the name of a time zone that exists."""
        zone = self.text(name, default)
        try:
            zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise BadSettingError(name, "is not a time zone such as Europe/Berlin") from None
        return zone

    def site_url(self, name: str, default: str) -> str:
        """Return scheme, host and port of the public address, without a slash at the end."""
        url = self._url(name, default, {"http", "https"}, "http://… or https://…")
        if not url.hostname:
            raise BadSettingError(name, "has no host name")
        if url.path.strip("/") or url.query or url.fragment or "@" in url.netloc:
            raise BadSettingError(name, "has to be scheme, host and port alone")
        return f"{url.scheme}://{url.netloc}"

    def origins(self, name: str) -> list[str]:
        """Return a list of origins such as https://crm.example.com."""
        origins = self.words(name)
        if not all(origin.startswith(("http://", "https://")) for origin in origins):
            raise BadSettingError(name, "has an entry that does not begin with http:// or https://")
        return origins

    def people(self, name: str) -> list[tuple[str, str]]:
        """Return (name, address) pairs of a list such as `Ann <ann@example.com>, ops@…`."""
        pairs = getaddresses([self.text(name)]) if self.text(name) else []
        for number, (_, address) in enumerate(pairs, start=1):
            local, at, domain = address.rpartition("@")
            if not (local and at and domain) or any(character.isspace() for character in address):
                raise BadSettingError(name, f"has no mail address in entry {number}")
        return pairs

    def database(self, name: str, default: Path, base: Path) -> dict[str, Any]:
        """Return Django's description of a database; a relative SQLite path starts at `base`.

        Any: the values are as mixed as Django defines them.
        """
        if not self.text(name):
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": private_file(name, default)}
        url = self._url(name, "", DATABASE_SCHEMES, "sqlite:///… or postgres://…")
        if url.scheme == "sqlite" and url.netloc not in {"", ":memory:"}:
            raise BadSettingError(name, "has a host: a path takes three slashes, sqlite:///…")
        if url.path in {"", "/"} and url.netloc != ":memory:":
            raise BadSettingError(name, "names no database")
        config: dict[str, Any] = environ.Env.db_url_config(self.text(name))
        if url.scheme == "sqlite" and config["NAME"] != ":memory:":
            config["NAME"] = str(base / config["NAME"])
        return config

    def redis_url(self, name: str) -> str:
        """Return the address of a Redis database, or nothing."""
        if not self.text(name):
            return ""
        url = self._url(name, "", REDIS_SCHEMES, "redis://… or rediss://…")
        if not url.hostname:
            raise BadSettingError(name, "has no host name")
        number = url.path.strip("/")
        if number and not number.isdecimal():
            raise BadSettingError(name, "has to end with the number of a database, such as /0")
        return self.text(name)

    def email(self, name: str, default: str) -> dict[str, Any]:
        """Return Django's EMAIL_ settings. Any: as mixed as Django defines them."""
        self._url(name, default, EMAIL_SCHEMES, "smtp://…, smtp+tls://… or smtp+ssl://…")
        config: dict[str, Any] = environ.Env.email_url_config(self.text(name, default))
        return config

    def django_backends(self, name: str) -> dict[str, dict[str, Any]]:
        """Return Django email backends by name, from a JSON object of their paths and options.

        Any: options are as mixed as the backends define them.
        """
        form = 'has to be {"name": {"BACKEND": "path.of.EmailBackend", "OPTIONS": {…}}, …}'
        try:
            backends = json.loads(self.text(name, "{}"))
        except ValueError:
            raise BadSettingError(name, "is not JSON") from None
        entries = backends.values() if isinstance(backends, dict) else [None]
        if not all(_is_django_backend(entry) for entry in entries):
            raise BadSettingError(name, form)
        if not all(0 < len(each) <= 50 and each != "smtp" for each in backends):
            raise BadSettingError(name, "has a name that is too long, empty, or smtp")
        assert isinstance(backends, dict)
        return backends

    def secret_key(self, name: str, *, strict: bool) -> str:
        """Return Django's key; `strict`: it has to be long, and there."""
        key = self.text(name)
        if not key and strict:
            raise BadSettingError(name, "is missing")
        if key and strict and (len(key) < SECRET_KEY_LENGTH or len(set(key)) < 5):
            raise BadSettingError(name, f"has to be {SECRET_KEY_LENGTH} random characters or more")
        return key

    def fernet_keys(self, name: str, *, strict: bool) -> list[str]:
        """Return the keys of encrypted fields, the first one encrypts; `strict`: one at least."""
        keys = self.words(name)
        if not keys and strict:
            raise BadSettingError(name, "is missing")
        for number, key in enumerate(keys, start=1):
            try:
                Fernet(key)
            except ValueError:
                why = f"is malformed in key {number}: 32 bytes in URL-safe base64, comma-separated"
                raise BadSettingError(name, why) from None
        return keys

    def _url(
        self, name: str, default: str, schemes: frozenset[str] | set[str], form: str
    ) -> SplitResult:
        text = self.text(name, default)
        # urlsplit takes ":memory:" for a port
        try:
            url = urlsplit(text)
            _ = None if url.netloc == ":memory:" else url.port
        except ValueError:
            raise BadSettingError(name, "is not a URL (host or port unreadable)") from None
        if url.scheme not in schemes or "://" not in text:
            raise BadSettingError(name, f"has to be {form}")
        return url


def _is_django_backend(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("BACKEND"), str)
        and isinstance(entry.get("OPTIONS", {}), dict)
        and entry.keys() <= {"BACKEND", "OPTIONS"}
    )


def private_folder(name: str, path: Path) -> Path:
    """Make a folder for its owner alone, unless it exists; `name` is the variable to blame."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = f"names a folder that cannot be made: {error.strerror}"
        raise BadSettingError(name, why) from None
    return path


def private_file(name: str, path: Path) -> str:
    """Return `path` as text, its private folder made."""
    private_folder(name, path.parent)
    return str(path)


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret kept in the file `path` (mode 0600), made with `make` at the first time.

    Several processes may ask at once: the first one's secret stands for all.
    """
    if not path.exists():
        private_folder("VAR_DIR", path.parent)
        handle, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(make())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    return path.read_text(encoding="ascii").strip()
