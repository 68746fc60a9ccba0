"""Every address, for every role, with an object of one's own, of a colleague, of a stranger."""

import collections
import copy
import logging

import pytest
from django.core import signing
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from massmail.services.render import TEST_SALT
from tests.security.addresses import Address, addresses
from tests.security.pages import BOTH, NOT_OFFERED, Page, page_of
from tests.security.rights import RIGHTS, Reach, Relation, rights_of
from tests.security.world import World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.once]

FINE = frozenset({200, 302, 400})  # a form that is refused was at least asked
REFUSED = frozenset({403, 404})  # which of them depends on what a page looks at first
WRITES = ("INSERT", "UPDATE", "DELETE")
METHODS = ("GET", "POST")


@pytest.fixture(autouse=True)
def _quiet():
    """Keep the thousands of refusals out of the report of a failure."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def test_every_address_says_who_may_use_it():
    undescribed = [address.name for address in addresses() if page_of(address) is None]

    assert undescribed == []


@pytest.mark.parametrize("role", RIGHTS)
def test_role_reaches_what_it_should_and_no_more(role, record_property):
    world = make_world(role)
    client = Client(raise_request_exception=False)
    client.force_login(world.user)
    cookies = client.cookies
    wrong, cells = [], 0

    for address in addresses():
        for relation in relations_of(address):
            for method in METHODS:
                cells += 1
                client.cookies = copy.deepcopy(cookies)  # one of the addresses logs out
                fault = _fault_of(client, world, role, address, relation, method)
                if fault:
                    wrong.append(f"{method} {address.name} ({relation.name.lower()}): {fault}")

    record_property("cells", cells)
    assert not wrong, "\n".join(wrong)
    assert cells > len(addresses()) * len(METHODS)


def relations_of(address: Address) -> list[Relation]:
    """Return whose objects to try: of an address that names none, one cell says all."""
    page = page_of(address)
    has_owner = page is not None and (page.object or address.name == "signature_preview")
    return list(Relation) if has_owner else [Relation.OWN]


def test_anonymous_visitor_reaches_public_pages_alone():
    world = make_world("co-workers")
    client = Client(raise_request_exception=False)
    reached = collections.defaultdict(set)

    for address in addresses():
        for method in METHODS:
            answer = _ask(client, address, world, Relation.OWN, method)
            sent_to_login = answer.status_code == 302 and "/login/" in answer["Location"]
            page = page_of(address)
            assert page is not None
            if not page.public and not sent_to_login and answer.status_code not in {404, 405}:
                reached[address.name].add(answer.status_code)

    assert dict(reached) == {}


def _fault_of(
    client: Client, world: World, role: str, address: Address, relation: Relation, method: str
) -> str:
    """Return what is wrong with the answer, or an empty text; nothing stays written."""
    page = page_of(address)
    assert page is not None
    expected = expected_status(page, role, relation, method)
    connection.queries_log.clear()
    with transaction.atomic(), CaptureQueriesContext(connection) as statements:
        answer = _ask(client, address, world, relation, method)
        transaction.set_rollback(True)
    if answer.status_code not in expected:
        return f"{answer.status_code} instead of {sorted(expected)}"
    if method == "GET" or not expected & FINE:  # and a refusal changes nothing either
        return _written(statements)
    return ""


def expected_status(page: Page, role: str, relation: Relation, method: str) -> frozenset[int]:
    """Return the statuses that are right for this cell."""
    if method not in page.methods:
        return frozenset({405})
    if page.forbidden or page.missing or (page.superuser and role != "superuser"):
        return REFUSED
    needs = [(model, _action(page, action, method)) for model, action in page.needs]
    for model, action in needs:
        if (model, action) in NOT_OFFERED or rights_of(role, model).of(action) is Reach.NOTHING:
            return REFUSED
    if not page.object:
        return FINE
    rights = rights_of(role, page.object)
    if rights.of("view") < relation:
        return frozenset({404})
    if rights.of(needs[0][1]) < relation:
        return frozenset({403})
    return FINE | {404} if page.lacks else FINE


def _action(page: Page, action: str, method: str) -> str:
    """Return the right that a method takes: on a page of the admin a POST is a change."""
    is_form = action == "view" and page.methods == BOTH and not page.reads
    return "change" if is_form and method == "POST" else action


def _ask(client: Client, address: Address, world: World, relation: Relation, method: str):
    url = address.url(arguments_for(address, world, relation))
    url += _query(address, world, relation)
    return client.generic(method, url, content_type="application/x-www-form-urlencoded")


def _query(address: Address, world: World, relation: Relation) -> str:
    if address.name in {"signature_preview", "reload_field"}:
        return f"?signature={world.object('signature', relation).pk}"
    if address.name == "admin:autocomplete":
        return "?app_label=crm&model_name=contact&field_name=city&term="
    return ""


def arguments_for(address: Address, world: World, relation: Relation) -> dict[str, object]:
    """Return values for the arguments of an address."""
    page = page_of(address)
    assert page is not None
    pk_of = {
        "mailing_out_id": "mailingout",
        "message_id": "emlmessage",
        "account_id": "emailaccount",
        "delivery_id": "delivery",
        "picture_id": "picture",
        "id": "user",
        "content_type_id": "contenttype",
    }
    found: dict[str, object] = {
        argument: world.object(pk_of[argument], relation).pk
        for argument in address.arguments
        if argument in pk_of
    }
    if "object_id" in address.arguments:
        found["object_id"] = world.object(_model_in(address), relation).pk
    if "recipient_id" in address.arguments:
        found["recipient_id"] = world.object(page.object, relation).pk
    others = {
        "name": world.object("picture", relation).file.name.rpartition("/")[2],
        "public_id": world.ownerless["versionfile"].public_id,
        "extension": "png",
        "uidb64": "MQ",
        "token": "none",
        "uuid": world.object("masscontact", relation).uuid,
        "signed": signing.dumps("test", salt=TEST_SALT),
        "number": 1,
        "app_label": "auth",
        "url": "no/such/page",
    }
    return {name: found.get(name, others.get(name)) for name in address.arguments}


def _model_in(address: Address) -> str:
    model = address.route.split("/")[2]
    return "group" if model.startswith("<") else model


def _written(statements: CaptureQueriesContext) -> str:
    writes = [
        query["sql"][:80]
        for query in statements.captured_queries
        if query["sql"].startswith(WRITES) and "django_session" not in query["sql"]
    ]
    return f"it wrote: {writes[0]}" if writes else ""
