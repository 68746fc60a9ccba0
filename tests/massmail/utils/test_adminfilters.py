"""The filters of the lists, asked through the lists."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Contact
from massmail.models import MailingOut, Suppression
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    MailingOutFactory,
    MainAccountFactory,
    MassContactFactory,
)
from tests.massmail.cast import Cast, make_cast

CONTACTS = reverse("admin:crm_contact_changelist")


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def listed(client: Client, url: str, **query) -> list[object]:
    return sorted(client.get(url, query).context["cl"].queryset, key=lambda row: row.pk)


def test_status_by_the_words_of_the_pages(owner: Client, cast: Cast) -> None:
    now = timezone.now()
    hour = timedelta(hours=1)
    make = MailingOutFactory.create
    draft = make(owner=cast.owner)
    running = make(owner=cast.owner, status="A", started_at=now, start_at=now - hour)
    troubled = make(owner=cast.owner, status="E", started_at=now, start_at=now - hour)
    scheduled = make(owner=cast.owner, status="A", started_at=now, start_at=now + hour)
    paused = make(owner=cast.owner, status="P", started_at=now)
    cancelled = make(owner=cast.owner, status="I", started_at=now)
    done = make(owner=cast.owner, status="D", started_at=now)
    url = reverse("admin:massmail_mailingout_changelist")

    found = {
        state: listed(owner, url, state=state)
        for state in ("active", "scheduled", "draft", "paused", "cancelled", "done")
    }

    assert found == {
        "active": [running, troubled, scheduled],
        "scheduled": [scheduled],
        "draft": [draft],
        "paused": [paused],
        "cancelled": [cancelled],
        "done": [done],
    }
    assert len(listed(owner, url, state="unheard-of")) == MailingOut.objects.count()


def test_subscription_is_what_the_column_says(owner: Client, cast: Cast) -> None:
    def make(**values) -> Contact:
        return ContactFactory.create(owner=cast.owner, **values)

    def suppress(contact: Contact, kind: str) -> Contact:
        Suppression.objects.create(address_key=contact.address_key or "", kind=kind)
        return contact

    subscribed = make()
    MassContactFactory.create(content_object=subscribed)
    off = make(massmail=False)
    marked = make()
    MassContactFactory.create(content_object=marked, massmail=False)
    complained = suppress(make(), "complained")
    bounced, stopped = suppress(make(), "bounced"), suppress(make(), "manual")
    disqualified = make(disqualified=True)

    found = {
        word: listed(owner, CONTACTS, subscription=word)
        for word in ("subscribed", "unsubscribed", "suppressed", "disqualified")
    }

    assert found == {
        "subscribed": [subscribed],
        "unsubscribed": [off, marked, complained],
        "suppressed": [bounced, stopped],
        "disqualified": [disqualified],
    }
    assert len(listed(owner, CONTACTS, subscription="x")) == 7


def test_vip_is_whom_a_main_account_writes_to(owner: Client, cast: Cast) -> None:
    vip, other, new = (ContactFactory.create(owner=cast.owner) for _ in range(3))
    main, account = MainAccountFactory.create(), EmailAccountFactory.create()
    MassContactFactory.create(content_object=vip, email_account=main)
    MassContactFactory.create(content_object=other, email_account=account)

    assert listed(owner, CONTACTS, vip="yes") == [vip]
    assert listed(owner, CONTACTS, vip="no") == [other, new]
    assert listed(owner, CONTACTS, vip="x") == [vip, other, new]
