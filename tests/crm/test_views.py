from email.message import EmailMessage

import pytest
from django.test import Client
from django.urls import reverse

from crm.demo.mailbox_file import WHOLE_MAILS, MailboxWriter
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"


def mail(subject="Hello", html="<p>Hi</p>"):
    message = EmailMessage()
    message["Subject"] = subject
    message["Message-ID"] = "<1@example.org>"
    message.set_content(f"plain {EVIL}")
    message.add_alternative(html, "html")
    message.add_attachment(b"%PDF-", "application", "pdf", filename="prices.pdf")
    return message.as_bytes()


@pytest.fixture
def mailbox(tmp_path, settings):
    settings.MASSMAIL_MAILBOX_FILE = str(tmp_path / "mailbox.sqlite3")
    writer = MailboxWriter(tmp_path / "mailbox.sqlite3")
    yield writer
    writer.close()


@pytest.fixture
def staff():
    client = Client()
    client.force_login(UserFactory.create())
    return client


def test_list_shows_the_newest_first(mailbox, staff):
    mailbox.record("a@example.org", "old@example.com", mail("First"))
    mailbox.record("a@example.org", "new@example.com", mail("Second"))

    response = staff.get(reverse("mailbox"))

    assert [subject for _mail, subject in response.context["mails"]] == ["Second", "First"]
    assert reverse("mailbox_mail", args=[2]) in response.text


def test_list_finds_and_pages(mailbox, staff):
    for number in range(60):
        mailbox.record("", f"zoe{number}@example.com", mail())
    mailbox.record("", "other@example.com", mail())

    response = staff.get(reverse("mailbox"), {"q": "zoe", "page": 2})

    assert response.context["page"].paginator.count == 60
    shown = [row.recipient for row, _subject in response.context["mails"]]
    assert shown == [f"zoe{number}@example.com" for number in range(9, -1, -1)]
    assert "?q=zoe&amp;page=1" in response.text


@pytest.mark.parametrize(
    ("query", "words"),
    [({}, "No mail has arrived yet."), ({"q": EVIL}, "No mail has that in its address")],
)
def test_empty_list_says_why(mailbox, staff, query, words):
    response = staff.get(reverse("mailbox"), query)

    assert words in response.text
    assert EVIL not in response.text


def test_old_mails_are_listed_without_a_link(mailbox, staff):
    for _ in range(WHOLE_MAILS + 1):
        mailbox.record("", "a@example.com", mail())

    response = staff.get(reverse("mailbox"), {"page": 5})

    assert "not kept" in response.text
    assert staff.get(reverse("mailbox_mail", args=[1])).status_code == 404


def test_mail_shows_its_parts_and_runs_nothing(mailbox, staff):
    number = mailbox.record("", "a@example.com", mail(subject=EVIL, html=EVIL))

    response = staff.get(reverse("mailbox_mail", args=[number]))

    assert response.context["mail"].subject == EVIL
    assert "prices.pdf" in response.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in response.text
    assert EVIL not in response.text


def test_html_is_sandboxed(mailbox, staff):
    number = mailbox.record("", "a@example.com", mail(html=EVIL))

    response = staff.get(reverse("mailbox_html", args=[number]))

    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert EVIL in response.text


@pytest.mark.parametrize("name", ["mailbox", "mailbox_mail", "mailbox_html"])
def test_pages_are_for_staff_and_only_where_a_mailbox_is(mailbox, staff, settings, name):
    number = mailbox.record("", "a@example.com", mail())
    url = reverse(name, args=[] if name == "mailbox" else [number])

    assert staff.get(url).status_code == 200
    assert staff.post(url).status_code == 405
    assert Client().get(url).status_code == 302
    customer = Client()
    customer.force_login(UserFactory.create(is_staff=False))
    assert customer.get(url).status_code == 302
    settings.MASSMAIL_MAILBOX_FILE = ""
    assert staff.get(url).status_code == 404
