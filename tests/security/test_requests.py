"""What a request may do whoever sends it: a GET changes nothing, a POST needs its token."""

import hashlib
import logging

import pytest
from django.db import connection
from django.test import Client

from tests.security.addresses import addresses
from tests.security.crawling import crawl
from tests.security.rights import RIGHTS, Relation
from tests.security.test_permissions import arguments_for
from tests.security.world import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.once]

# One click from a mail program, without a cookie (RFC 8058); that of a test mail changes nothing.
EXEMPT = {"unsubscribe", "unsubscribe_test"}
IDS = {
    "mailing_out_id",
    "message_id",
    "account_id",
    "delivery_id",
    "picture_id",
    "recipient_id",
} | {
    *("object_id", "id"),
}
# Kept in the database, and no part of what the site is for: when a session ends.
NOT_HASHED = {"django_session"}


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("role", RIGHTS)
def test_get_changes_nothing_on_any_page_that_a_role_finds(role, record_property):
    world = make_world(role)
    client = Client()
    client.force_login(world.user)
    before = database_hash()

    seen = crawl(client, "/admin/")

    record_property("pages", len(seen))
    assert database_hash() == before
    assert {url for url, answer in seen.items() if answer.status >= 500} == set()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_method_changes_nothing_on_any_address(method, record_property):
    world = make_world("superuser")
    client = Client(raise_request_exception=False)
    client.force_login(world.user)
    before = database_hash()

    statuses = {
        address.name: client.generic(
            method, address.url(arguments_for(address, world, Relation.OWN))
        ).status_code
        for address in addresses()
    }

    record_property("addresses", len(statuses))
    assert database_hash() == before
    assert {name for name, status in statuses.items() if status >= 500} == set()


@pytest.mark.parametrize("unknown", [999_999_999, 10**30], ids=["unknown", "too large"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_id_is_answered_kindly_and_changes_nothing(method, unknown):
    world = make_world("superuser")
    client = Client(raise_request_exception=False)
    client.force_login(world.user)
    before = database_hash()

    statuses = {}
    for address in addresses():
        arguments = arguments_for(address, world, Relation.OWN)
        ids = dict.fromkeys(IDS & arguments.keys(), unknown)
        if ids:
            answer = client.generic(method, address.url(arguments | ids))
            statuses[address.name] = answer.status_code

    # 302: where the admin's own answer leads; 403: what it offers to nobody
    refusals = {302, 403, 404, 405}
    assert {(name, status) for name, status in statuses.items() if status not in refusals} == set()
    assert len(statuses) > 100
    assert database_hash() == before


def test_post_without_token_is_refused_everywhere(record_property):
    world = make_world("superuser")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(world.user)
    before = database_hash()

    statuses = {
        address.name: client.post(
            address.url(arguments_for(address, world, Relation.OWN))
        ).status_code
        for address in addresses()
        if address.name not in EXEMPT
    }

    record_property("addresses", len(statuses))
    assert {(name, status) for name, status in statuses.items() if status != 403} == set()
    assert database_hash() == before


def test_post_without_token_unsubscribes_by_one_click_alone():
    world = make_world("superuser")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    url = f"/unsubscribe/{world.ownerless['masscontact'].uuid}/"

    assert client.post(url).status_code == 403
    assert client.post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200


def database_hash() -> str:
    """Return a hash over every row of every table."""
    digest = hashlib.sha256()
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if table in NOT_HASHED:
                continue
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
            digest.update(f"{table}:{cursor.fetchall()!r}".encode())
    return digest.hexdigest()
