import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from crm_project.environment import BadSettingError, Environment, kept_secret, private_folder

BASE = Path("/srv/product")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("1", True), ("True", True), ("on", True), ("0", False), (" no ", False), ("", False)],
)
def test_boolean(word, expected):
    assert Environment({"DEBUG": word}).boolean("DEBUG") is expected


def test_boolean_missing_is_the_default():
    assert Environment({}).boolean("DEBUG", default=True) is True


@pytest.mark.parametrize("word", ["maybe", "2", "-"])
def test_boolean_of_another_word(word):
    with pytest.raises(BadSettingError, match="DEBUG is neither 1 nor 0"):
        Environment({"DEBUG": word}).boolean("DEBUG")


@pytest.mark.parametrize("word", ["x", "-1", "0.4", "inf", "nan"])
def test_number_of_no_use(word):
    with pytest.raises(BadSettingError, match="LEASE"):
        Environment({"LEASE": word}).number("LEASE", 30, minimum=0.5)


def test_number():
    assert Environment({"LEASE": " 1.5 "}).number("LEASE", 30, minimum=0.5) == 1.5
    assert Environment({}).number("LEASE", 30, minimum=0.5) == 30


def test_words_are_trimmed():
    assert Environment({"HOSTS": "a.example, b.example ,,"}).words("HOSTS") == [
        "a.example",
        "b.example",
    ]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe"])
def test_time_zone_that_does_not_exist(zone):
    with pytest.raises(BadSettingError, match="is not a time zone"):
        Environment({"TIME_ZONE": zone}).time_zone("TIME_ZONE", "UTC")


def test_site_url_loses_its_slash():
    environment = Environment({"SITE_URL": "https://mail.example.com:8443/"})
    assert environment.site_url("SITE_URL", "") == "https://mail.example.com:8443"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mail.example.com", "has to be http"),
        ("http:mail.example.com", "has to be http"),
        ("ftp://mail.example.com", "has to be http"),
        ("https://", "has no host name"),
        ("https://mail.example.com/crm", "scheme, host and port alone"),
        ("https://mail.example.com?x=1", "scheme, host and port alone"),
        ("https://me:secret@mail.example.com", "scheme, host and port alone"),
        ("https://mail.example.com:port", "unreadable"),
        ("https://[::1", "unreadable"),
    ],
)
def test_site_url_of_no_use(url, why):
    with pytest.raises(BadSettingError, match=why) as caught:
        Environment({"SITE_URL": url}).site_url("SITE_URL", "")
    assert "secret" not in str(caught.value)


def test_origins():
    origins = Environment({"ORIGINS": "https://a.example,http://b.example"}).origins("ORIGINS")
    assert origins == ["https://a.example", "http://b.example"]
    with pytest.raises(BadSettingError, match="does not begin with http"):
        Environment({"ORIGINS": "a.example"}).origins("ORIGINS")


def test_people():
    admins = Environment({"ADMINS": "Ann Lee <ann@example.com>, ops@example.com"}).people("ADMINS")
    assert admins == [("Ann Lee", "ann@example.com"), ("", "ops@example.com")]
    assert Environment({}).people("ADMINS") == []


@pytest.mark.parametrize("text", ["nobody", "a@example.com, nobody", "Ann <@example.com>"])
def test_people_without_an_address(text):
    with pytest.raises(BadSettingError, match="has no mail address in entry"):
        Environment({"ADMINS": text}).people("ADMINS")


def database(url: str) -> dict[str, object]:
    return Environment({"DATABASE_URL": url}).database("DATABASE_URL", BASE / "default", BASE)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///data.sqlite3", "/srv/product/data.sqlite3"),
        ("sqlite:////var/lib/data.sqlite3", "/var/lib/data.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
    ],
)
def test_database_on_sqlite(url, name):
    config = database(url)
    assert (config["ENGINE"], config["NAME"]) == ("django.db.backends.sqlite3", name)


def test_database_on_postgresql():
    config = database("postgres://ann:se%40cret@db.example:5433/crm?sslmode=require")
    assert config == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "crm",
        "USER": "ann",
        "PASSWORD": "se@cret",
        "HOST": "db.example",
        "PORT": 5433,
        "OPTIONS": {"sslmode": "require"},
    }


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://127.0.0.1:6379/0", "has to be sqlite"),
        ("mysql://root@localhost/crm", "has to be sqlite"),
        ("data.sqlite3", "has to be sqlite"),
        ("sqlite:data.sqlite3", "has to be sqlite"),
        ("sqlite://data.sqlite3", "three slashes"),
        ("sqlite://host/data.sqlite3", "three slashes"),
        ("sqlite:///", "names no database"),
        ("postgres://u:secret@host:port/crm", "unreadable"),
        ("postgres://u:secret@host", "names no database"),
        ("postgres://u:secret@host:99999/crm", "unreadable"),
    ],
)
def test_database_of_no_use(url, why):
    with pytest.raises(BadSettingError, match=why) as caught:
        database(url)
    assert "secret" not in str(caught.value)


def test_database_by_default_is_in_a_private_folder(tmp_path):
    path = tmp_path / "var" / "db.sqlite3"
    config = Environment({}).database("DATABASE_URL", path, BASE)
    assert config == {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/3", "rediss://:pw@redis.example", ""])
def test_redis_url(url):
    assert Environment({"REDIS_URL": url}).redis_url("REDIS_URL") == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("127.0.0.1:6379", "has to be redis"),
        ("postgres://h/x", "has to be redis"),
        ("redis:///0", "no host"),
        ("redis://h/one", "number of a database"),
        ("redis://h:port/0", "unreadable"),
    ],
)
def test_redis_url_of_no_use(url, why):
    with pytest.raises(BadSettingError, match=why):
        Environment({"REDIS_URL": url}).redis_url("REDIS_URL")


def test_email():
    config = Environment({"EMAIL_URL": "smtp+tls://me:pw@mx.example:587"}).email("EMAIL_URL", "")
    assert (config["EMAIL_HOST"], config["EMAIL_PORT"], config["EMAIL_USE_TLS"]) == (
        "mx.example",
        587,
        True,
    )


@pytest.mark.parametrize("url", ["mx.example", "http://mx.example", "smtp://mx.example:port"])
def test_email_of_no_use(url):
    with pytest.raises(BadSettingError, match="EMAIL_URL"):
        Environment({"EMAIL_URL": url}).email("EMAIL_URL", "")


@pytest.mark.parametrize(("key", "why"), [("", "missing"), ("x" * 60, "random"), ("ab", "random")])
def test_secret_key_of_no_use(key, why):
    with pytest.raises(BadSettingError, match=why):
        Environment({"SECRET_KEY": key}).secret_key("SECRET_KEY", strict=True)


def test_secret_key_may_be_missing_or_short_while_debugging():
    assert Environment({}).secret_key("SECRET_KEY", strict=False) == ""
    assert Environment({"SECRET_KEY": "ab"}).secret_key("SECRET_KEY", strict=False) == "ab"


def test_fernet_keys():
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    environment = Environment({"KEYS": f"{keys[0]}, {keys[1]}"})
    assert environment.fernet_keys("KEYS", strict=True) == keys


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("bad", ["x", "é" * 44, "A" * 43, "A" * 64])
def test_fernet_keys_malformed(bad, strict):
    text = f"{Fernet.generate_key().decode()},{bad}"
    with pytest.raises(BadSettingError, match="malformed in key 2") as caught:
        Environment({"KEYS": text}).fernet_keys("KEYS", strict=strict)
    assert text not in str(caught.value)


def test_fernet_keys_missing():
    assert Environment({}).fernet_keys("KEYS", strict=False) == []
    with pytest.raises(BadSettingError, match="KEYS is missing"):
        Environment({"KEYS": " , "}).fernet_keys("KEYS", strict=True)


def test_kept_secret_is_made_once(tmp_path):
    path = tmp_path / "var" / "secret_key"
    drawn = iter(["first", "second"])
    assert [kept_secret(path, lambda: next(drawn)) for _ in range(2)] == ["first", "first"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]


def test_private_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadSettingError, match="VAR_DIR names a folder that cannot be made"):
        private_folder("VAR_DIR", tmp_path / "file" / "folder")


def test_django_backends():
    text = (
        '{"postmark": {"BACKEND": "a.b.C", "OPTIONS": {"timeout": 8}}, "file": {"BACKEND": "d.E"}}'
    )
    assert Environment({"BACKENDS": text}).django_backends("BACKENDS") == {
        "postmark": {"BACKEND": "a.b.C", "OPTIONS": {"timeout": 8}},
        "file": {"BACKEND": "d.E"},
    }
    assert Environment({}).django_backends("BACKENDS") == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{secret", "is not JSON"),
        ("[1]", "has to be {"),
        ('{"a": "secret"}', "has to be {"),
        ('{"a": {"OPTIONS": {}}}', "has to be {"),
        ('{"a": {"BACKEND": "b.C", "OPTIONS": []}}', "has to be {"),
        ('{"a": {"BACKEND": "b.C", "options": {}}}', "has to be {"),
        ('{"smtp": {"BACKEND": "b.C"}}', "has a name that is"),
        ('{"": {"BACKEND": "b.C"}}', "has a name that is"),
    ],
)
def test_django_backends_malformed(text, why):
    with pytest.raises(BadSettingError) as caught:
        Environment({"BACKENDS": text}).django_backends("BACKENDS")
    assert str(caught.value).startswith(f"BACKENDS {why}")
    assert "secret" not in str(caught.value)
