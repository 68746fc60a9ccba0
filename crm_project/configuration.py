"""What the operator sets: every environment variable of the product, read once, typed and checked.

The settings are made from this; how a value is read is in `environment`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from .environment import Environment, kept_secret, private_folder

SHORTEST_IDLE_S = 5.0  # that a transaction may do nothing, however short the lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where tasks wait: in Redis, or in a folder that all parts on this machine share."""

    url: str
    transport_options: Mapping[str, Any]  # Any: as mixed as the transports define them


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The values of the environment, with their defaults."""

    debug: bool
    secret_key: str
    field_encryption_keys: list[str]  # the first one encrypts, all of them decrypt
    allowed_hosts: list[str]
    csrf_trusted_origins: list[str]
    site_url: str  # scheme, host and port; every link in a mail begins with it
    time_zone: str
    var_dir: Path  # what the parts write: database, uploads, queues, logs
    media_root: Path
    database: dict[str, Any]  # Any: Django's own description of a database
    broker: Broker
    email: dict[str, Any]  # Any: Django's EMAIL_ settings
    default_from_email: str
    admins: list[tuple[str, str]]
    google_client_id: str
    google_client_secret: str
    microsoft_client_id: str
    microsoft_client_secret: str
    # Any: {"BACKEND": path, "OPTIONS": its arguments} by the name of a transport
    django_backends: dict[str, dict[str, Any]]
    allow_private_hosts: bool  # mail servers on loopback and private networks, any port
    lease_s: float  # how long a claimed mail belongs to its run; renewed at a third of it
    mailbox_file: str  # where the demo's mailbox keeps what it caught; "" without one
    stop_deadline_s: int  # how long a worker may take to finish the mails on the wire

    @property
    def is_https(self) -> bool:
        """Tell whether people reach the site over TLS."""
        return self.site_url.startswith("https://")


def read(values: Mapping[str, str], base: Path) -> Configuration:
    """Return the configuration that `values` describe for the checkout in `base`.

    Makes the private folders it names. Raises BadSettingError for the first value of no use.
    """
    env = Environment(values)
    debug = env.boolean("DEBUG")
    site_url = env.site_url("SITE_URL", "http://127.0.0.1:8000")
    host = urlsplit(site_url).hostname or ""
    var_dir = base / env.text("VAR_DIR", "var")
    return Configuration(
        debug=debug,
        secret_key=_secret_key(env, var_dir, debug=debug),
        field_encryption_keys=_field_encryption_keys(env, var_dir, debug=debug),
        allowed_hosts=env.words("ALLOWED_HOSTS") or [host],
        csrf_trusted_origins=env.origins("CSRF_TRUSTED_ORIGINS"),
        site_url=site_url,
        time_zone=env.time_zone("TIME_ZONE", "UTC"),
        var_dir=var_dir,
        media_root=base / env.text("MEDIA_ROOT", str(var_dir / "media")),
        database=_database(env, var_dir, base),
        broker=_broker(env, var_dir),
        email=env.email("EMAIL_URL", "consolemail://" if debug else "smtp://127.0.0.1:25"),
        default_from_email=env.text("DEFAULT_FROM_EMAIL", f"massmail@{host}"),
        admins=env.people("ADMINS"),
        google_client_id=env.text("GOOGLE_CLIENT_ID"),
        google_client_secret=env.text("GOOGLE_CLIENT_SECRET"),
        microsoft_client_id=env.text("MICROSOFT_CLIENT_ID"),
        microsoft_client_secret=env.text("MICROSOFT_CLIENT_SECRET"),
        django_backends=env.django_backends("MASSMAIL_DJANGO_BACKENDS"),
        allow_private_hosts=env.boolean("MASSMAIL_ALLOW_PRIVATE_HOSTS"),
        lease_s=_lease_s(env),
        mailbox_file=env.text("MASSMAIL_MAILBOX_FILE"),
        stop_deadline_s=int(env.number("STOP_DEADLINE_S", 75, minimum=1)),
    )


def _secret_key(env: Environment, var_dir: Path, *, debug: bool) -> str:
    key = env.secret_key("SECRET_KEY", strict=not debug)
    return key or kept_secret(var_dir / "secret_key", lambda: secrets.token_urlsafe(64))


def _field_encryption_keys(env: Environment, var_dir: Path, *, debug: bool) -> list[str]:
    keys = env.fernet_keys("FIELD_ENCRYPTION_KEYS", strict=not debug)
    kept = var_dir / "field_encryption_key"
    return keys or [kept_secret(kept, lambda: Fernet.generate_key().decode())]


def _lease_s(env: Environment) -> float:
    return env.number("MASSMAIL_LEASE_S", 30, minimum=0.1)


def _database(env: Environment, var_dir: Path, base: Path) -> dict[str, Any]:
    """Return Django's description of the database, with what makes each engine safe under load."""
    database = env.database("DATABASE_URL", var_dir / "db.sqlite3", base)
    options = database.setdefault("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        # Readers do not block the writer, and a writer waits for its turn when it begins, not
        # with half of its work done (then it could only fail: "database is locked").
        options.setdefault("timeout", 20)  # seconds
        options["transaction_mode"] = "IMMEDIATE"
        options["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
    else:
        options.setdefault("connect_timeout", 10)  # seconds
        # A process that was frozen, or cut off, in the middle of a transaction: its locks would
        # keep everybody else from sending. Its lease is over by then.
        idle_ms = int(1000 * max(_lease_s(env), SHORTEST_IDLE_S))
        options.setdefault("options", f"-c idle_in_transaction_session_timeout={idle_ms}")
        database["CONN_MAX_AGE"] = 60  # seconds
        database["CONN_HEALTH_CHECKS"] = True
    return database


def _broker(env: Environment, var_dir: Path) -> Broker:
    if url := env.redis_url("REDIS_URL"):
        # Seconds; an unacknowledged task comes back after the first: longer than any task runs.
        return Broker(
            url=url, transport_options={"visibility_timeout": 3600, "socket_connect_timeout": 5}
        )
    queues = str(private_folder("VAR_DIR", var_dir / "broker" / "queues"))
    control = str(private_folder("VAR_DIR", var_dir / "broker" / "control"))
    return Broker(
        url="filesystem://",
        transport_options={
            "data_folder_in": queues,  # one folder both ways: what is sent is what is taken
            "data_folder_out": queues,
            "control_folder": control,
            "store_processed": False,
        },
    )
