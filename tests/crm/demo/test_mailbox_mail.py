from email.message import EmailMessage

from crm.demo import mailbox_mail

PICTURE = b"\x89PNG picture"


def message():
    mail = EmailMessage()
    mail["Subject"] = "Grüße an Zoë"
    mail["From"] = "Sales <sales@example.org>"
    mail["To"] = "zoe@example.com"
    mail.set_content("Guten Tag, Zoë\n")
    mail.add_alternative('<p>Guten Tag</p><img src="cid:logo@x"><img src="cid:no@x">', "html")
    for part in mail.iter_parts():
        if part.get_content_type() == "text/html":
            part.add_related(PICTURE, "image", "png", cid="<logo@x>")
    mail.add_attachment(b"%PDF-", "application", "pdf", filename="Preisliste für Zoë.pdf")
    return mail.as_bytes()


def test_headers_are_readable():
    mail = mailbox_mail.read(message())

    assert mail.subject == "Grüße an Zoë"
    assert dict(mail.headers)["From"] == "Sales <sales@example.org>"


def test_text_and_attachments():
    mail = mailbox_mail.read(message())

    assert mail.text == "Guten Tag, Zoë\n"
    (file,) = mail.files
    assert (file.name, file.content_type, file.size_bytes) == (
        "Preisliste für Zoë.pdf",
        "application/pdf",
        5,
    )


def test_pictures_are_shown_from_the_mail_itself():
    html = mailbox_mail.read(message()).html

    assert '<img src="data:image/png;base64,iVBORyBwaWN0dXJl">' in html
    assert '<img src="cid:no@x">' in html


def test_subject_of_the_beginning():
    assert mailbox_mail.subject_of(message()[:300]) == "Grüße an Zoë"
    assert mailbox_mail.subject_of(b"") == ""


def test_anything_can_be_read():
    mail = mailbox_mail.read(b"\xff\x00 no mail\r\n\r\n\xff")

    assert (mail.subject, mail.html, mail.files) == ("", "", [])


def test_broken_charset_is_no_error():
    mail = mailbox_mail.read(
        b"Subject: =?utf-9?q?x?=\r\nContent-Type: text/plain; charset=utf-9\r\n\r\nHi \xe4\r\n"
    )

    assert mail.text.startswith("Hi")
