"""A mail as the recipient's server got it: the standard library reads it, and it is the preview."""

import base64
import email
import re
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from common.models import TheFile
from crm.models import Contact
from massmail.models import MailingOut, MassContact, SkipReason, Suppression
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    LeadFactory,
    PictureFactory,
    SignatureFactory,
    SuperuserFactory,
)
from tests.massmail.campaigns import Clock, campaign_on, run
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4 a small attachment\n%%EOF\n"
LINK = re.compile(r"https://mail\.example\.com/unsubscribe(?:_test)?/[^/\"]+/")


@pytest.fixture
def server():
    with SmtpServer() as server:
        yield server


@pytest.fixture
def owner():
    return SuperuserFactory.create()


@pytest.fixture
def message(owner):
    picture = BytesIO()
    Image.new("RGB", (8, 4), "#264b5d").save(picture, "PNG")
    logo = PictureFactory.create(owner=owner, data=picture.getvalue())
    message = EmlMessageFactory.create(
        owner=owner,
        subject="{{ first_name }}, l'été & O'Neil",
        content=(
            f'<p>Dear {{{{ full_name }}}},</p><p><img src="{logo.tag}" '
            'alt="logo"></p><p><a href="https://example.com/?a=1&amp;b=2">Предложение</a></p>'
        ),
        styles="p { color: #333333 }",
        preheader="特別なお知らせ",
        signature=SignatureFactory.create(owner=owner, content="<p>Kind regards, Łucja</p>"),
    )
    TheFile.objects.create(file=ContentFile(PDF, name="цены 2026.pdf"), content_object=message)
    return message


@pytest.fixture
def mailing_out(owner, message, server) -> MailingOut:
    EmailAccountFactory.create(
        owner=owner, email_port=server.port, from_email="Zoë O'Neil <sales@bücher.example>"
    )
    ContactFactory.create(owner=owner, first_name="Łukasz", last_name="O'Néil", email="l@x.org")
    created = MailingOut.objects.create_for(
        Contact.objects.all(), owner=owner, message=message, name="News"
    )
    created.start()
    run()
    return created


def received(server: SmtpServer) -> EmailMessage:
    (accepted,) = server.mails
    parsed = email.message_from_bytes(accepted.data, policy=SMTP)
    assert isinstance(parsed, EmailMessage)
    assert parsed.defects == []
    return parsed


def without_links(text: str) -> str:
    return LINK.sub("LINK", text).replace("\r\n", "\n").strip()


def test_it_equals_the_preview(server, owner, message, mailing_out):
    mail = received(server)
    client = Client()
    client.force_login(owner)
    preview = client.get(reverse("message_preview", args=[message.pk])).content.decode()
    text = client.get(reverse("message_preview", args=[message.pk]), {"part": "text"})
    html_part, text_part = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html_part is not None
    assert text_part is not None
    html = html_part.get_content()
    for part in mail.walk():
        if part.get_content_maintype() == "image":
            data = base64.b64encode(part.get_content()).decode()
            html = html.replace(f"cid:{part['Content-ID'][1:-1]}", f"data:image/png;base64,{data}")

    assert "data:image/png" in html
    assert without_links(html) == without_links(preview)
    assert without_links(text_part.get_content()) == without_links(text.content.decode())


def test_its_parts_and_names_are_what_was_written(server, mailing_out):
    mail = received(server)
    types = [part.get_content_type() for part in mail.walk()]
    (attachment,) = mail.iter_attachments()

    assert types == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert attachment.get_filename() == "цены_2026.pdf"  # as the storage named it
    assert attachment.get_content() == PDF
    assert mail["Subject"] == "Łukasz, l'été & O'Neil"
    (sender,), (addressee,) = mail["From"].addresses, mail["To"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Zoë O'Neil", "sales@xn--bcher-kva.example")
    assert (addressee.display_name, addressee.addr_spec) == ("Łukasz O'Néil", "l@x.org")


def test_its_headers_are_each_there_once(server, mailing_out):
    mail = received(server)
    row = mailing_out.deliveries.get()
    public = MassContact.objects.get().uuid

    assert sorted(mail.keys()) == sorted(set(mail.keys()))
    assert mail["Message-ID"] == row.message_id == f"<{row.uuid}@xn--bcher-kva.example>"
    assert mail["List-Unsubscribe"] == f"<https://mail.example.com/unsubscribe/{public}/>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == f"<owner-{mailing_out.owner_id}.massmail.mail.example.com>"


def one_click(client: Client, mail: EmailMessage):
    path = mail["List-Unsubscribe"].strip("<>").removeprefix("https://mail.example.com")
    return client.post(path, {"List-Unsubscribe": "One-Click"})


def test_one_click_on_its_link_ends_the_mails_to_this_address(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=3, daily_limit=1)
    first = mailing_out.deliveries.order_by("pk")[0]
    run(clock)
    mail = received(server)
    client = Client(enforce_csrf_checks=True)
    path = mail["List-Unsubscribe"].strip("<>").removeprefix("https://mail.example.com")
    for look in (client.get, client.head):
        assert look(path).status_code == 200
    assert Suppression.objects.count() == 0
    address = first.address_key or ""
    twin = LeadFactory.create(owner=mailing_out.owner, email=address.upper())

    response = one_click(client, mail)

    assert response.status_code == 200
    assert [row.address_key for row in Suppression.objects.all()] == [address]
    again = MailingOut.objects.create_for(
        type(twin).objects.all(),
        owner=mailing_out.owner,
        message=EmlMessageFactory.create(owner=mailing_out.owner),
        name="To the twin",
    )
    assert [row.reason for row in again.deliveries.all()] == [SkipReason.UNSUBSCRIBED]


def test_one_click_counts_for_what_runs_already(server):
    clock = Clock()
    earlier = campaign_on(server, people=1)
    run(clock)
    running = MailingOut.objects.create_for(
        Contact.objects.all(),
        owner=earlier.owner,
        message=EmlMessageFactory.create(owner=earlier.owner),
        name="Running",
    )
    running.start()

    one_click(Client(enforce_csrf_checks=True), received(server))
    run(clock)

    assert len(server.mails) == 1
    assert [row.reason for row in running.deliveries.all()] == [SkipReason.UNSUBSCRIBED]


def test_its_links_are_whole_addresses(server, mailing_out):
    mail = received(server)
    link = f"https://mail.example.com/unsubscribe/{MassContact.objects.get().uuid}/"

    for kind in ("html", "plain"):
        part = mail.get_body((kind,))
        assert part is not None
        assert LINK.findall(part.get_content()) == [link]


def test_person_with_several_addresses_gets_one_mail_to_the_first(server):
    mailing_out = campaign_on(server, people=1, start=False)
    Contact.objects.update(email="first@x.org, second@x.org")
    mailing_out.start()

    run()

    (accepted,) = server.mails
    assert accepted.recipients == ("first@x.org",)
    assert received(server)["To"].addresses[0].addr_spec == "first@x.org"
    assert "second@x.org" not in accepted.data.decode()
