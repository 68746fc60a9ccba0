"""Notices: who gets them, in which language, and that they never stop the engine."""

import smtplib

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.urls import reverse

from common.models import UserProfile
from massmail.services import notices
from tests.factories import EmailAccountFactory, MailingOutFactory, UserFactory

pytestmark = pytest.mark.django_db


class Failing(EmailBackend):
    """A mail server that is away, or refuses."""

    error: Exception = OSError("away")

    def send_messages(self, messages):
        raise self.error


class Refusing(Failing):
    error = smtplib.SMTPRecipientsRefused({})


@pytest.fixture(autouse=True)
def _admins(settings):
    settings.ADMINS = [("Root", "root@example.com")]


@pytest.fixture
def account():
    owner = UserFactory.create(email="olga@example.com")
    return EmailAccountFactory.create(
        owner=owner, name="<News & Co>", from_email="Sales <sales@example.org>"
    )


def test_the_owner_and_the_admins_are_told(account):
    notices.account_is_off(account, reason="Enter it again. 535 5.7.8 <no> & no")
    (notice,) = mail.outbox
    assert notice.to == ["olga@example.com", "root@example.com"]
    assert notice.extra_headers["Auto-Submitted"] == "auto-generated"
    expected = 'The email account "<News & Co>" (Sales <sales@example.org>) was switched off'
    assert notice.subject.startswith(expected)
    assert "Reason: Enter it again. 535 5.7.8 <no> & no" in notice.body
    path = reverse("admin:massmail_emailaccount_change", args=[account.pk])
    assert f"https://mail.example.com{path}" in notice.body


def test_a_rest_that_needs_somebody_is_told(account):
    notices.account_rests(account, reason="We are on a list. 554 <listed>")
    (notice,) = mail.outbox
    assert notice.to == ["olga@example.com", "root@example.com"]
    assert notice.subject.endswith("rests, and may need your help.")
    assert "Reason: We are on a list. 554 <listed>" in notice.body
    path = reverse("admin:massmail_emailaccount_change", args=[account.pk])
    assert f"https://mail.example.com{path}" in notice.body


def test_a_pause_is_told():
    mailing_out = MailingOutFactory.create(name="Spring", owner__email="")
    notices.mailing_out_paused(mailing_out, reason="its owner is deactivated.")
    (notice,) = mail.outbox
    assert notice.to == ["root@example.com"]
    assert notice.subject == 'The mailing out "Spring" was paused.'
    assert "Reason: its owner is deactivated." in notice.body
    path = reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])
    assert f"https://mail.example.com{path}" in notice.body


def test_a_name_of_two_lines_makes_one_subject(account):
    account.name = "News\r\nBcc: all@example.com"
    notices.account_is_off(account, reason="x")
    (notice,) = mail.outbox
    assert "\n" not in notice.subject
    assert notice.recipients() == ["olga@example.com", "root@example.com"]


def test_nobody_to_tell_is_no_error(account, settings):
    settings.ADMINS = []
    account.owner.email = ""
    notices.account_is_off(account, reason="x")
    assert mail.outbox == []


@pytest.mark.parametrize("backend", [Failing, Refusing])
def test_a_notice_that_cannot_be_sent_stops_nothing(account, settings, caplog, backend):
    settings.EMAIL_BACKEND = f"{__name__}.{backend.__name__}"
    notices.account_is_off(account, reason="x")
    assert "a notice could not be sent" in caplog.text


def test_the_language_is_the_owners(account, settings):
    text = "{% load i18n %}{% get_current_language as code %}{{ code }}"
    templates = {"massmail/notices/account_is_off.txt": text}
    loader = ("django.template.loaders.locmem.Loader", templates)
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [loader]},
        }
    ]
    UserProfile.objects.create(user=account.owner, language_code="de")
    notices.account_is_off(account, reason="x")
    account.owner.profile.language_code = ""
    notices.account_is_off(account, reason="x")
    assert [notice.body for notice in mail.outbox] == ["de", "en"]
