import stat

import pytest
from cryptography.fernet import Fernet

from crm_project.configuration import read
from crm_project.environment import BadSettingError

KEYS = {
    "SECRET_KEY": "0123456789 0123456789 0123456789 0123456789 0123456789",
    "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}


def test_read_needs_two_keys_alone(tmp_path):
    configuration = read(KEYS, tmp_path)
    assert configuration.debug is False
    assert configuration.site_url == "http://127.0.0.1:8000"
    assert configuration.allowed_hosts == ["127.0.0.1"]
    assert configuration.default_from_email == "massmail@127.0.0.1"
    assert configuration.media_root == tmp_path / "var" / "media"
    assert configuration.lease_s == 30
    assert configuration.allow_private_hosts is False
    assert configuration.is_https is False


@pytest.mark.parametrize("name", sorted(KEYS))
def test_read_refuses_a_missing_key(tmp_path, name):
    with pytest.raises(BadSettingError, match=f"{name} is missing"):
        read(KEYS | {name: ""}, tmp_path)


def test_read_keeps_keys_of_its_own_while_debugging(tmp_path):
    first, second = (read({"DEBUG": "1"}, tmp_path) for _ in range(2))
    assert first.secret_key == second.secret_key
    assert first.field_encryption_keys == second.field_encryption_keys
    assert first.field_encryption_keys[0] not in first.secret_key
    Fernet(first.field_encryption_keys[0])


def test_read_sqlite_is_safe_with_several_processes(tmp_path):
    options = read(KEYS, tmp_path).database["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


def test_read_postgresql_keeps_connections_and_checks_them(tmp_path):
    database = read(KEYS | {"DATABASE_URL": "postgres://me@127.0.0.1/crm"}, tmp_path).database
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (60, True)
    assert database["OPTIONS"] == {
        "connect_timeout": 10,
        "options": "-c idle_in_transaction_session_timeout=30000",
    }


def test_read_broker_is_a_private_folder(tmp_path):
    broker = read(KEYS, tmp_path).broker
    queues = tmp_path / "var" / "broker" / "queues"
    assert broker.url == "filesystem://"
    assert broker.transport_options["data_folder_in"] == str(queues)
    assert broker.transport_options["data_folder_out"] == str(queues)
    assert stat.S_IMODE(queues.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_read_broker_is_redis_where_named(tmp_path):
    broker = read(KEYS | {"REDIS_URL": "redis://127.0.0.1/1"}, tmp_path).broker
    assert broker.url == "redis://127.0.0.1/1"
    assert broker.transport_options["visibility_timeout"] == 3600


def test_read_writes_nothing_where_servers_hold_everything(tmp_path):
    servers = {"DATABASE_URL": "postgres://me@127.0.0.1/crm", "REDIS_URL": "redis://127.0.0.1/1"}
    read(KEYS | servers, tmp_path)
    assert list(tmp_path.iterdir()) == []
