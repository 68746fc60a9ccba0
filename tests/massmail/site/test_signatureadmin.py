"""Signatures in the admin."""

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from massmail.models import Signature
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast


@pytest.fixture
def root(client: Client, cast: Cast) -> Client:
    client.force_login(cast.superuser)
    return client


def test_signature_with_a_problem_is_refused(root: Client, cast: Cast) -> None:
    response = root.post(
        reverse("admin:massmail_signature_add"),
        {"name": "x", "type": "HTML", "content": "<script>x</script>", "owner": cast.owner.pk},
    )

    errors = response.context["adminform"].form.errors
    assert errors["content"] == ["Line 1: The element “script” cannot be used in a mail."]


def test_signature_is_added(root: Client, cast: Cast) -> None:
    root.post(
        reverse("admin:massmail_signature_add"),
        {"name": "x", "type": "HTML", "content": "<p>Regards</p>", "owner": cast.owner.pk},
    )

    assert Signature.objects.get().owner == cast.owner


def test_signatures_are_listed_with_as_many_questions_for_any_number(
    root: Client, cast: Cast
) -> None:
    url = reverse("admin:massmail_signature_changelist")
    counts = []
    for number in (2, 18):
        SignatureFactory.create_batch(number, owner=cast.owner)
        root.get(url)
        with CaptureQueriesContext(connection) as queries:
            root.get(url)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_colleagues_read_it_and_strangers_find_nothing(client: Client, cast: Cast) -> None:
    signature = SignatureFactory.create(owner=cast.owner, department=cast.department)
    page = reverse("admin:massmail_signature_change", args=[signature.pk])
    answers = {}
    for who in ("owner", "colleague", "stranger"):
        client.force_login(getattr(cast, who))
        client.post(page, {"name": f"by {who}", "type": "HTML", "content": "<p>x</p>"})
        answers[who] = client.get(page).status_code

    assert answers == {"owner": 200, "colleague": 200, "stranger": 404}
    assert Signature.objects.get().name != "by colleague"


def test_new_default_replaces_the_former_one_without_asking(root: Client, cast: Cast) -> None:
    former = SignatureFactory.create(owner=cast.owner, default=True)
    data = {"name": "x", "type": "HTML", "content": "<p>x</p>", "owner": cast.owner.pk}

    root.post(reverse("admin:massmail_signature_add"), {**data, "default": "on"})

    assert Signature.objects.get(default=True).name == "x"
    assert Signature.objects.filter(pk=former.pk).exists()


def test_new_default_of_a_manager_is_their_own(client: Client, cast: Cast) -> None:
    SignatureFactory.create(owner=cast.owner, default=True)
    client.force_login(cast.colleague)
    data = {"name": "x", "type": "HTML", "content": "<p>x</p>", "owner": cast.colleague.pk}

    client.post(reverse("admin:massmail_signature_add"), {**data, "default": "on"})

    owners = set(Signature.objects.filter(default=True).values_list("owner__username", flat=True))
    assert owners == {"owner", "colleague"}


def test_page_has_the_editor_and_its_policy_for_its_owner_alone(
    client: Client, cast: Cast, settings: LazySettings
) -> None:
    signature = SignatureFactory.create(owner=cast.owner, department=cast.department)
    page = reverse("admin:massmail_signature_change", args=[signature.pk])
    found = []
    for user in (cast.owner, cast.colleague):
        client.force_login(user)
        response = client.get(page)
        found.append(("data-editor" in response.text, response.headers["Content-Security-Policy"]))

    assert found == [
        (True, settings.CONTENT_SECURITY_POLICY_EDITOR),
        (False, settings.CONTENT_SECURITY_POLICY),
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["Long", "Short"]),
        ({"type__exact": "Plain text"}, ["Short"]),
        ({"q": "Long"}, ["Long"]),
        ({"q": "regards from Ann"}, ["Short"]),
        ({"owner": "all"}, ["Colleague's", "Long", "Short"]),
    ],
)
def test_list_shows_and_searches_names_and_types(
    root: Client, cast: Cast, query: dict[str, str], names: list[str]
) -> None:
    SignatureFactory.create(owner=cast.owner, name="Long", default=True)
    SignatureFactory.create(
        owner=cast.owner, name="Short", type="Plain text", content="regards from Ann"
    )
    SignatureFactory.create(owner=cast.colleague, department=cast.department, name="Colleague's")
    SignatureFactory.create(owner=cast.stranger, name="Foreign")
    root.force_login(cast.owner)

    changelist = root.get(reverse("admin:massmail_signature_changelist"), query).context["cl"]

    assert [signature.name for signature in changelist.result_list] == names
    columns = ("name", "type", "default", "owner", "update_date")
    assert tuple(changelist.list_display)[-5:] == columns
