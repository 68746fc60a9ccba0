"""Django email backends as transports: the contract, what leaves, and what their errors mean."""

import email
import email.policy
import smtplib
import socket

import pytest
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailRecipientStatus
from django.core import mail as django_mail
from django.core.mail.backends.base import BaseEmailBackend

from massmail.backends import make_transport
from massmail.backends.base import (
    BuiltMail,
    Fault,
    Outcome,
    ReadyMails,
    Stage,
    TransportError,
)
from massmail.backends.django_backend import DjangoMessage, DjangoTransport
from massmail.services.smtp_replies import Action, decide
from massmail.testing.transport_contract import CountingWatch, TransportContract
from tests.mail_provider import MailProvider
from tests.massmail.backends.conftest import Account, make_mail
from tests.smtp_server import CLOSE, SmtpServer

SMTP = "django.core.mail.backends.smtp.EmailBackend"

NEWSLETTER = (
    b"From: =?utf-8?q?M=C3=BCller=2C_Sales?= <sales@example.org>\r\n"
    b"To: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>\r\n"
    b"Reply-To: answers@example.org\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"List-Unsubscribe: <https://mail.example.com/unsubscribe/1/>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b'--m\r\nContent-Type: multipart/related; boundary="r"\r\n\r\n'
    b'--r\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n.Hello\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>\r\n--a--\r\n"
    b"--r\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=logo.png\r\n"
    b"Content-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--r--\r\n"
    b"--m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=p.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--m--\r\n"
)


@pytest.fixture
def newsletter():
    return BuiltMail("sales@example.org", "zoe@example.com", "<1@example.org>", NEWSLETTER)


@pytest.fixture
def provider():
    with MailProvider() as running:
        yield running


def send(transport: DjangoTransport, *mails: BuiltMail) -> list[Outcome]:
    transport.open()
    try:
        return list(transport.send(ReadyMails(iter(mails)), CountingWatch()))
    finally:
        transport.close()


def from_entry(entry) -> DjangoTransport:
    return DjangoTransport(entry["BACKEND"], entry["OPTIONS"])


class TestDjangosSmtp(TransportContract):
    @pytest.fixture(autouse=True)
    def _server(self):
        with SmtpServer() as self.server:
            yield

    def _to(self, port):
        options = {"host": "127.0.0.1", "port": port, "timeout": 5, "username": "", "password": ""}
        return DjangoTransport(SMTP, options | {"use_tls": False, "use_ssl": False})

    def transport(self):
        return self._to(self.server.port)

    def broken_transport(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        return self._to(port)

    def accepted(self):
        return [mail.recipients[0] for mail in self.server.mails]

    def refuse(self, recipient):
        self.server.on("rcpt", "550 5.1.1 No such user", recipient=recipient)


class TestPostmark(TransportContract):
    """A provider over HTTP has no connection; its nearest thing is a backend without its key."""

    @pytest.fixture(autouse=True)
    def _provider(self, provider):
        self.provider = provider

    def transport(self):
        return from_entry(self.provider.entry)

    def broken_transport(self):
        return DjangoTransport(self.provider.entry["BACKEND"], {})

    def accepted(self):
        return self.provider.accepted()

    def refuse(self, recipient):
        self.provider.refused.add(recipient)


# --- what leaves


def test_smtp_backend_sends_the_very_bytes_that_were_built(newsletter):
    with SmtpServer() as server:
        (outcome,) = send(
            DjangoTransport(SMTP, {"host": "127.0.0.1", "port": server.port}), newsletter
        )
        assert outcome.accepted
        (taken,) = server.mails
        assert (taken.sender, taken.recipients) == ("sales@example.org", ("zoe@example.com",))
        assert taken.data == NEWSLETTER


def test_file_backend_writes_the_mail_as_it_was_built(newsletter, tmp_path):
    backend = "django.core.mail.backends.filebased.EmailBackend"
    (outcome,) = send(DjangoTransport(backend, {"file_path": str(tmp_path)}), newsletter)
    assert (outcome.accepted, outcome.provider_id) == (True, "")
    (file,) = tmp_path.iterdir()
    assert file.read_bytes().startswith(NEWSLETTER.replace(b"\r\n", b"\n"))


def test_provider_is_given_every_part(newsletter, provider):
    (outcome,) = send(from_entry(provider.entry), newsletter)

    assert (outcome.stage, outcome.provider_id) == (Stage.DOT, "pm-1")
    assert outcome.reply is not None
    assert (outcome.reply.code, outcome.reply.text) == (250, "sent")
    (mail,) = provider.mails
    headers = {header["Name"]: header["Value"] for header in mail["Headers"]}
    assert mail["From"] == '"Müller, Sales" <sales@example.org>'
    assert mail["To"] == "Zoë <zoe@example.com>"
    assert (mail["Subject"], mail["ReplyTo"]) == ("Grüße", "answers@example.org")
    assert (mail["TextBody"].strip(), mail["HtmlBody"].strip()) == (".Hello", "<p>Hello</p>")
    assert headers == {
        "Message-ID": "<1@example.org>",
        "List-Unsubscribe": "<https://mail.example.com/unsubscribe/1/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert [(file["Name"], file.get("ContentID")) for file in mail["Attachments"]] == [
        ("logo.png", "cid:logo"),
        ("p.pdf", None),
    ]


def test_message_of_a_mail_without_html_or_text():
    message = DjangoMessage(make_mail(data=b"To: ann@example.com\r\n\r\nHi\r\n"))
    assert (message.body.strip(), message.alternatives) == ("Hi", [])
    assert message.message().as_bytes(linesep="\r\n") == b"To: ann@example.com\r\n\r\nHi\r\n"
    parsed = email.message_from_bytes(message.message().as_bytes(), policy=email.policy.default)
    assert parsed.get_content() == "Hi\n"


@pytest.fixture
def anymail_test_backend(mailoutbox):
    return DjangoTransport("anymail.backends.test.EmailBackend")


def test_anymails_own_test_backend(anymail_test_backend, newsletter):
    (outcome,) = send(anymail_test_backend, newsletter)
    assert (outcome.accepted, outcome.provider_id) == (True, "0")
    params = getattr(django_mail.outbox[0], "anymail_test_params")  # noqa: B009  # anymail's own
    assert [str(address) for address in params["to"]] == ["Zoë <zoe@example.com>"]
    assert len(params["attachments"]) == 2


@pytest.mark.parametrize(("word", "code"), [("rejected", 550), ("invalid", 550)])
def test_recipient_whom_the_provider_does_not_write_to(
    anymail_test_backend, monkeypatch, word, code
):
    status = AnymailRecipientStatus(message_id=None, status=word)
    answer = {"recipient_status": {"ann@example.com": status}}
    monkeypatch.setattr(DjangoMessage, "anymail_test_response", answer, raising=False)
    (outcome,) = send(anymail_test_backend, make_mail())
    decision = decide(outcome.stage, outcome.reply, outcome.fault)
    assert (decision.action, decision.suppress) == (Action.FAILED, False)
    assert outcome.reply is not None
    assert (outcome.reply.code, outcome.reply.text) == (code, word)


@pytest.mark.parametrize("word", ["queued", "unknown"])
def test_mail_that_the_provider_took(anymail_test_backend, monkeypatch, word):
    status = AnymailRecipientStatus(message_id="x" * 300, status=word)
    answer = {"recipient_status": {"ann@example.com": status}}
    monkeypatch.setattr(DjangoMessage, "anymail_test_response", answer, raising=False)
    (outcome,) = send(anymail_test_backend, make_mail())
    assert outcome.reply is not None
    assert (outcome.accepted, outcome.reply.text) == (True, word)
    assert outcome.provider_id == "x" * 200


def test_error_of_the_provider_that_tells_nothing(anymail_test_backend, monkeypatch):
    error = AnymailAPIError("what?")
    monkeypatch.setattr(DjangoMessage, "anymail_test_response", error, raising=False)
    (outcome,) = send(anymail_test_backend, make_mail())
    assert decide(outcome.stage, outcome.reply, outcome.fault).action is Action.UNCERTAIN


# --- what a provider's answers mean


@pytest.mark.parametrize(
    ("answer", "action", "why"),
    [
        ((401, {"Message": "no"}), Action.OFF, "credentials"),
        ((403, {}), Action.OFF, "credentials"),
        ((402, {}), Action.COOLING, "throttled"),
        ((429, {}), Action.COOLING, "throttled"),
        ((408, {}), Action.COOLING, "service closing"),
        ((503, "<h1>Down</h1>"), Action.COOLING, "service closing"),
        ((413, {}), Action.POLICY, "too large"),
        ((400, {}), Action.POLICY, "policy"),
        ((404, {}), Action.POLICY, "policy"),
        ((422, {"ErrorCode": 400, "Message": "Sender signature"}), Action.POLICY, "policy"),
        ((500, {}), Action.UNCERTAIN, "in doubt"),
        ((502, ""), Action.UNCERTAIN, "in doubt"),
        ((200, "not JSON"), Action.UNCERTAIN, "in doubt"),
        ((200, {"odd": 1}), Action.UNCERTAIN, "in doubt"),
        ((0, None), Action.UNCERTAIN, "in doubt"),
    ],
)
def test_http_status(provider, answer, action, why):
    provider.answers.append(answer)
    (outcome, *_rest) = send(from_entry(provider.entry), make_mail())
    decision = decide(outcome.stage, outcome.reply, outcome.fault)
    assert (decision.action, decision.why) == (action, why)


def test_wrong_key_switches_off(provider):
    options = provider.entry["OPTIONS"] | {"server_token": "wrong"}
    transport = DjangoTransport(provider.entry["BACKEND"], options)
    (outcome,) = send(transport, make_mail())
    assert decide(outcome.stage, outcome.reply, outcome.fault).action is Action.OFF


def test_provider_that_cannot_be_reached_costs_nobody(provider):
    entry = provider.entry
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    transport = DjangoTransport(entry["BACKEND"], entry["OPTIONS"] | {"api_url": url})
    (outcome,) = send(transport, make_mail())
    assert (outcome.stage, outcome.fault) == (Stage.CONNECT, Fault.REFUSED)
    assert decide(outcome.stage, outcome.reply, outcome.fault).action is Action.COOLING


def test_mail_that_the_provider_has_no_words_for(provider):
    provider_calendar = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n"
    )
    options = provider.entry["OPTIONS"] | {"send_defaults": {"track_clicks": "odd", "send_at": 1}}
    transport = DjangoTransport(provider.entry["BACKEND"], options)
    (outcome,) = send(transport, make_mail(data=provider_calendar))
    decision = decide(outcome.stage, outcome.reply, outcome.fault)
    assert (decision.action, provider.requests) == (Action.POLICY, 0)


# --- what exceptions mean


class Backend(BaseEmailBackend):
    """Raises or returns what a test says."""

    at_open: object = None
    at_send: object = 1
    closed = 0

    def open(self):
        if isinstance(self.at_open, Exception):
            raise self.at_open

    def send_messages(self, email_messages):
        if isinstance(self.at_send, Exception):
            raise self.at_send
        return self.at_send

    def close(self):
        type(self).closed += 1
        raise OSError("already gone")


@pytest.fixture
def backend():
    yield Backend
    Backend.at_open, Backend.at_send = None, 1


OURS = f"{__name__}.Backend"


@pytest.mark.parametrize(
    ("error", "stage", "fault", "code"),
    [
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 No"), Stage.AUTH, Fault.NONE, 535),
        (smtplib.SMTPConnectError(421, b"busy"), Stage.CONNECT, Fault.NONE, 421),
        (smtplib.SMTPNotSupportedError("no STARTTLS"), Stage.AUTH, Fault.CAPABILITY, None),
        (smtplib.SMTPServerDisconnected("x"), Stage.CONNECT, Fault.DISCONNECTED, None),
        (socket.gaierror(-2, "unknown"), Stage.CONNECT, Fault.DNS, None),
        (TimeoutError(), Stage.CONNECT, Fault.TIMEOUT, None),
        (RuntimeError("odd"), Stage.CONNECT, Fault.CONFIGURATION, None),
    ],
)
def test_trouble_at_opening(backend, error, stage, fault, code):
    backend.at_open = error
    with pytest.raises(TransportError) as caught:
        DjangoTransport(OURS).open()
    reply = caught.value.reply
    assert (caught.value.stage, caught.value.fault) == (stage, fault)
    assert (reply and reply.code) == code


@pytest.mark.parametrize(
    ("path", "options"),
    [("no.such.Backend", {}), (SMTP + "X", {}), (SMTP, {"odd": 1}), ("", {"fail_loudly": 1})],
)
def test_backend_that_cannot_be_made_is_trouble_of_the_installation(path, options):
    options |= {"host": "127.0.0.1", "port": 1} if path == SMTP else {}
    with pytest.raises(TransportError) as caught:
        DjangoTransport(path or "anymail.backends.postmark.EmailBackend", options).open()
    decision = decide(caught.value.stage, None, caught.value.fault)
    assert decision.action is Action.COOLING


@pytest.mark.parametrize(
    ("at_send", "action"),
    [
        (smtplib.SMTPRecipientsRefused({"ann@example.com": (550, b"5.1.1 no")}), Action.FAILED),
        (smtplib.SMTPSenderRefused(550, b"5.7.60 no", "a@b"), Action.OFF),
        (smtplib.SMTPDataError(554, b"5.7.1 spam"), Action.POLICY),
        (smtplib.SMTPDataError(451, b"4.3.0 later"), Action.LATER),
        (smtplib.SMTPHeloError(450, b"4.3.0 later"), Action.LATER),
        (smtplib.SMTPServerDisconnected("gone"), Action.UNCERTAIN),
        (ConnectionResetError(), Action.UNCERTAIN),
        (TimeoutError(), Action.UNCERTAIN),
        (ConnectionRefusedError(), Action.COOLING),
        (socket.gaierror(-2, "unknown"), Action.COOLING),
        (0, Action.POLICY),
        (None, Action.UNCERTAIN),
        (1, Action.SENT),
    ],
)
def test_what_a_backend_does_with_a_mail(backend, at_send, action):
    backend.at_send = at_send
    (outcome, *rest) = send(DjangoTransport(OURS), make_mail(), make_mail("bob@example.com"))
    assert decide(outcome.stage, outcome.reply, outcome.fault).action is action
    assert len(rest) == (outcome.reply is not None)  # without an answer the connection is gone


@pytest.mark.parametrize("error", [RuntimeError("odd"), smtplib.SMTPNotSupportedError("utf8")])
def test_exception_that_tells_nothing_is_the_callers(backend, error):
    backend.at_send = error
    transport = DjangoTransport(OURS)
    transport.open()
    with pytest.raises(type(error)):
        list(transport.send(ReadyMails([make_mail()]), CountingWatch()))
    assert list(transport.send(ReadyMails([make_mail()]), CountingWatch())) == []


def test_servers_words_are_cleaned(backend):
    text = b"5.7.1 \x1b[31mno\r\n\xe2\x80\xaenever\xff"
    backend.at_send = smtplib.SMTPDataError(554, text)
    (outcome, _) = send(DjangoTransport(OURS), make_mail(), make_mail())
    assert outcome.reply is not None
    assert (outcome.reply.enhanced, outcome.reply.text) == ("5.7.1", "[31mno\nnever\ufffd")


def test_lease_is_kept_between_mails(backend):
    asked = []

    class Watch(CountingWatch):
        def waiting(self, waited_s, stage):
            asked.append(stage)
            return len(asked) < 2

    transport = DjangoTransport(OURS)
    transport.open()
    assert len(list(transport.send(ReadyMails([make_mail(), make_mail()]), Watch()))) == 1
    assert asked == [Stage.MAIL] * 2


def test_lost_connection_begins_nothing_more():
    with SmtpServer() as server:
        server.on("dot", CLOSE)
        transport = DjangoTransport(SMTP, {"host": "127.0.0.1", "port": server.port})
        (outcome,) = send(transport, make_mail(), make_mail())
        assert (outcome.stage, outcome.fault) == (Stage.DOT, Fault.DISCONNECTED)


def test_account_names_its_backend(settings, provider):
    settings.MASSMAIL_DJANGO_BACKENDS = {"postmark": provider.entry}
    settings.MASSMAIL_TRANSPORTS = {
        "postmark": "massmail.backends.django_backend.DjangoTransport",
    }
    transport = make_transport(Account(transport="postmark"))
    transport.open()
    (outcome,) = transport.send(ReadyMails([make_mail()]), CountingWatch())
    assert outcome.accepted
    transport.close()
