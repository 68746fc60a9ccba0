"""What every response tells the browser."""

import logging

import pytest
from django.conf import settings
from django.test import Client

from tests.security.addresses import addresses
from tests.security.rights import Relation
from tests.security.test_permissions import arguments_for
from tests.security.world import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.once]

# Pages whose policy is not the strict one: those with the editor, and documents in a sandbox.
EDITOR = {
    f"admin:massmail_{model}_{page}"
    for model in ("emlmessage", "signature")
    for page in ("add", "change")
}
SANDBOXED = {
    *("message_preview", "signature_preview", "delivery_mail"),
    *("linked_picture", "picture_file", "picture_thumbnail"),
}


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("role", ["superuser", "managers", ""])
def test_every_response_carries_the_security_headers(role, record_property):
    world = make_world(role or "co-workers")
    client = Client(raise_request_exception=False)
    if role:
        client.force_login(world.user)

    faults = {
        (address.name, fault)
        for address in addresses()
        for fault in _faults(
            address.name,
            client.get(address.url(arguments_for(address, world, Relation.OWN))),
        )
    }

    record_property("responses", len(addresses()))
    assert faults == set()


def _faults(name, answer) -> set[str]:
    headers = answer.headers
    found = set()
    if headers.get("X-Content-Type-Options") != "nosniff":
        found.add("nosniff")
    if headers.get("Cross-Origin-Opener-Policy") != "same-origin":
        found.add("opener policy")
    if headers.get("Referrer-Policy") not in {"same-origin", "no-referrer"}:
        found.add("referrer policy")
    framed = headers.get("X-Frame-Options")
    if framed != "DENY" and not (framed == "SAMEORIGIN" and name in SANDBOXED):
        found.add(f"frames: {framed}")
    return found | _policy_faults(name, headers.get("Content-Security-Policy", ""))


def _policy_faults(name: str, policy: str) -> set[str]:
    if policy == settings.CONTENT_SECURITY_POLICY:
        return set()
    if name in EDITOR and policy == settings.CONTENT_SECURITY_POLICY_EDITOR:
        return set()
    if name in SANDBOXED and {"sandbox", "default-src 'none'"} <= set(policy.split("; ")):
        return set()
    return {f"policy: {policy}"}
