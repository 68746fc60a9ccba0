"""Checking everybody, seeing whom a finding concerns, leaving them out."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from crm.models import Contact
from massmail import tasks
from massmail.clock import database_now
from massmail.models import AudienceCheck, EmlMessage, MailingOut
from massmail.services import checking
from tests.massmail.cast import Cast

MISSING = "missing:first_name"


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


@pytest.fixture
def draft(cast: Cast) -> MailingOut:
    """Three people, one without a first name."""
    cast.account()
    message = cast.message(content="<p>Dear {{ first_name|default:'there' }}</p>")
    draft = cast.draft(number=3, message=message)
    first = draft.deliveries.order_by("recipient_id")[0]
    Contact.objects.filter(pk=first.recipient_id).update(first_name="")
    return draft


@pytest.fixture
def large(draft: MailingOut, monkeypatch) -> MailingOut:
    """The same, too large to be checked whenever the page is opened."""
    monkeypatch.setattr(checking, "ON_THE_PAGE_UP_TO", 2)
    return draft


def url(name: str, mailing_out: MailingOut) -> str:
    return reverse(name, args=[mailing_out.pk])


def page_of(client: Client, mailing_out: MailingOut):
    return client.get(reverse("admin:massmail_mailingout_change", args=[mailing_out.pk]))


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# --- who


@pytest.mark.parametrize("name", ["mailing_out_check", "mailing_out_leave_out_found"])
def test_acts_are_posted_by_those_who_may_change_it(
    client: Client, cast: Cast, draft: MailingOut, name: str
) -> None:
    answers = {}
    for who in ("stranger", "colleague", "owner"):
        client.force_login(getattr(cast, who))
        answers[who] = client.post(url(name, draft), {"what": MISSING}).status_code
    assert answers == {"stranger": 404, "colleague": 403, "owner": 302}
    assert client.get(url(name, draft)).status_code == 405


@pytest.mark.parametrize("name", ["mailing_out_found", "mailing_out_check_state"])
def test_pages_are_for_those_who_may_see_it(
    client: Client, cast: Cast, draft: MailingOut, name: str
) -> None:
    answers = {}
    for who in ("stranger", "colleague", "owner"):
        client.force_login(getattr(cast, who))
        answers[who] = client.get(url(name, draft), {"what": MISSING}).status_code
    assert answers == {"stranger": 404, "colleague": 200, "owner": 200}
    assert client.post(url(name, draft)).status_code == 405


# --- the page of the draft


def test_few_people_are_checked_when_the_page_is_opened(owner: Client, draft: MailingOut) -> None:
    page = page_of(owner, draft).context["page"]

    found = [(check.kind, check.finding_key) for check in page.checks]
    assert found == [("warns", MISSING), ("well", ""), ("well", "")]
    assert page.can_start
    assert not AudienceCheck.objects.exists()  # a GET writes nothing


def test_mail_that_cannot_be_built_forbids_the_start(owner: Client, draft: MailingOut) -> None:
    Contact.objects.filter(first_name="").update(email="zoë@example.com")

    page = page_of(owner, draft).context["page"]

    assert [check.finding_key for check in page.checks if check.forbids] == ["unbuildable:smtputf8"]
    assert not page.can_start


def test_many_people_are_checked_before_the_start(owner: Client, large: MailingOut) -> None:
    before = page_of(owner, large).context["page"]
    owner.post(url("mailing_out_check", large))
    after = page_of(owner, large).context["page"]

    assert [check.act for check in before.checks if check.forbids] == ["check"]
    assert (before.can_start, after.can_start) == (False, True)


def test_change_of_the_message_makes_the_check_stale(owner: Client, large: MailingOut) -> None:
    owner.post(url("mailing_out_check", large))
    EmlMessage.objects.update(subject="Other")

    page = page_of(owner, large).context["page"]

    (forbidding,) = [check for check in page.checks if check.forbids]
    assert forbidding.text.endswith("before your last change.")
    assert not page.can_start


def test_very_many_are_checked_by_a_task(
    owner: Client, large: MailingOut, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    monkeypatch.setattr(checking, "IN_THE_REQUEST_UP_TO", 2)
    asked: list[int] = []
    monkeypatch.setattr(tasks.check_audience, "delay", asked.append)
    with django_capture_on_commit_callbacks(execute=True):
        owner.post(url("mailing_out_check", large))

    assert asked == [large.pk]
    text = page_of(owner, large).text
    assert "Every mail is being built for a try: 0 of 3." in text
    assert "massmail/check.js" in text
    assert owner.get(url("mailing_out_check_state", large)).json()["is_running"]
    checking.run_noted(large.pk)
    assert not owner.get(url("mailing_out_check_state", large)).json()["is_running"]
    assert page_of(owner, large).context["page"].can_start


def test_check_without_a_message_is_refused_in_words(owner: Client, draft: MailingOut) -> None:
    MailingOut.objects.update(message=None)
    response = owner.post(url("mailing_out_check", draft))
    assert said(response) == ["Only a draft with a message can be checked."]


def test_check_of_a_broken_message_says_what_is_wrong(owner: Client, draft: MailingOut) -> None:
    EmlMessage.objects.update(content="{% if %}")
    response = owner.post(url("mailing_out_check", draft))
    assert len(said(response)) == 1
    assert not AudienceCheck.objects.filter(checked_at__isnull=False).exists()


# --- whom it concerns


def test_people_of_a_finding_are_listed_with_their_pages(owner: Client, draft: MailingOut) -> None:
    response = owner.get(url("mailing_out_found", draft), {"what": MISSING})

    (person,) = Contact.objects.filter(first_name="")
    assert "People without “first name”" in response.text
    assert reverse("admin:crm_contact_change", args=[person.pk]) in response.text
    assert response.text.count("<tbody>") == 1
    assert len(response.context["people"]) == 1


@pytest.mark.parametrize("what", ["", "missing:last_name", "size:", "x"])
def test_finding_that_is_none_is_not_there(owner: Client, draft: MailingOut, what: str) -> None:
    assert owner.get(url("mailing_out_found", draft), {"what": what}).status_code == 404


def test_people_of_a_finding_are_left_out(owner: Client, draft: MailingOut) -> None:
    response = owner.post(url("mailing_out_leave_out_found", draft), {"what": MISSING})

    draft.refresh_from_db()
    assert (draft.pending_count, draft.skipped_count) == (2, 1)
    assert said(response) == ["1 person is left out."]


def test_nobody_is_left_out_for_a_finding_that_is_none(owner: Client, draft: MailingOut) -> None:
    response = owner.post(url("mailing_out_leave_out_found", draft), {"what": "x"})

    draft.refresh_from_db()
    assert draft.skipped_count == 0
    assert said(response) == ["0 people are left out."]


def test_nobody_is_left_out_once_it_was_started(owner: Client, draft: MailingOut) -> None:
    draft.start()
    response = owner.post(url("mailing_out_leave_out_found", draft), {"what": MISSING})

    draft.refresh_from_db()
    assert draft.skipped_count == 0
    assert said(response) == ["“Spring offer” is running already."]


def test_check_that_takes_long_may_be_asked_for_again(owner: Client, large: MailingOut) -> None:
    checking.note(large, now=database_now())
    AudienceCheck.objects.update(asked_at="2026-01-01T00:00:00Z")

    page = page_of(owner, large).context["page"]

    assert [check.act for check in page.checks if check.forbids] == ["check"]
