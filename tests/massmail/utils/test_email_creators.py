import dataclasses
import datetime
import email
import re
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from massmail.backends.base import BuiltMail, Features
from massmail.backends.smtp_protocol import stuff_body
from massmail.content.problems import BuildError, MessageError
from massmail.utils.email_creators import (
    KNOWN_SYSTEM_VARIABLES,
    Attachment,
    CompiledMessage,
    MessageSource,
    Person,
    Rendered,
    Sender,
    check_source,
    compile_message,
)
from tests.factories import red_square
from tests.massmail.content.hostile import active_content
from tests.massmail.content.test_mime import tree

DATE = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)
SENDER = Sender('"Sales, Inc" <Sales@exämple.com>', "answers@example.com", "sales.example.com")
PERSON = Person(
    address="Jo@Exämple.com",
    name="Jürgen, “X”",
    variables={"first_name": "Jürgen <b>", "title": "Dr."},
    unsubscribe_url="https://example.com/unsubscribe/1?a=b&c=d",
    message_id="<1@example.com>",
)
SOURCE = MessageSource(
    subject="O'Neil & {{ first_name }}",
    content="<p>Hello {{ title }} {{ first_name }}</p>"
    "<img alt='' src=\"{% cid_media 'pics/a.png' %}\"><img src=\"{% cid_media 'pics/a.png' %}\">",
    images={"media:pics/a.png": red_square(), "media:pics/unused.png": red_square()},
    attachments=(Attachment("Übersicht.pdf", "application/pdf", b"%PDF" * 100),),
)
HEADERS = [
    "From",
    "Reply-To",
    "List-Id",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
]


def parse(mail: BuiltMail) -> EmailMessage:
    """Pass a mail through the gate that every mail must pass, and return it parsed."""
    whole = mail.message
    assert whole.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", whole)
    assert max(map(len, whole.split(b"\r\n"))) <= 998
    assert whole.isascii() or mail.eight_bit
    assert not mail.is_stuffed or stuff_body(mail.data) == mail.data
    head, _blank, body = whole.partition(b"\r\n\r\n")
    if not mail.eight_bit:
        assert max(map(len, body.split(b"\r\n"))) <= 78
    assert all(len(line) <= 78 or line.startswith(b" <https://") for line in head.split(b"\r\n"))
    message = email.message_from_bytes(whole, policy=SMTP)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
    return message


def texts(message: EmailMessage) -> tuple[str, str]:
    """Return the decoded text and HTML parts."""
    found = {}
    for part in message.walk():
        if part.get_content_maintype() == "text" and not part.get_filename():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            found[part.get_content_subtype()] = payload.decode().replace("\r\n", "\n")
    return found["plain"], found["html"]


def gate(
    compiled: CompiledMessage, person: Person, sender: Sender
) -> tuple[EmailMessage, Rendered]:
    """Build one mail and compare everything in it with what went in."""
    mail = compiled.build(person, sender, date=DATE)
    rendered = compiled.render(person)
    message = parse(mail)
    wanted = {"Reply-To": sender.reply_to, "List-Id": sender.list_id}
    assert message.keys() == [name for name in HEADERS if wanted.get(name, "x")]
    to = message["To"]
    assert isinstance(to, AddressHeader)
    assert [address.addr_spec for address in to.addresses] == [mail.recipient]
    assert message["Subject"] == rendered.subject
    assert message["Message-ID"] == mail.message_id == person.message_id
    assert message["List-Unsubscribe"] == f"<{person.unsubscribe_url}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert texts(message) == (rendered.text, rendered.html)
    return message, rendered


@pytest.fixture(scope="module")
def compiled() -> CompiledMessage:
    return compile_message(SOURCE)


def test_build_passes_the_gate(compiled: CompiledMessage) -> None:
    message, rendered = gate(compiled, PERSON, SENDER)

    assert tree(message) == "mixed(alternative(plain, related(html, png)), pdf)"
    assert message["From"] == '"Sales, Inc" <Sales@xn--exmple-cua.com>'
    assert message["Reply-To"] == "answers@example.com"
    assert message["List-Id"] == "<sales.example.com>"
    assert message["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert message["To"] == '"Jürgen, “X”" <Jo@xn--exmple-cua.com>'
    assert rendered.subject == "O'Neil & Jürgen <b>"
    assert "<p>Hello Dr. Jürgen &lt;b&gt;</p>" in rendered.html
    assert rendered.text == (
        "Hello Dr. Jürgen <b>\n\n"
        "You no longer want these mails? Unsubscribe: https://example.com/unsubscribe/1?a=b&c=d\n"
    )


def test_envelope_has_bare_wire_addresses(compiled: CompiledMessage) -> None:
    mail = compiled.build(PERSON, SENDER, date=DATE)

    assert (mail.sender, mail.recipient, mail.message_id) == (
        "Sales@xn--exmple-cua.com",
        "Jo@xn--exmple-cua.com",
        "<1@example.com>",
    )


def test_picture_used_twice_is_one_part(compiled: CompiledMessage) -> None:
    message, rendered = gate(compiled, PERSON, SENDER)

    address = compiled.image_addresses["media:pics/a.png"]
    parts = [part for part in message.walk() if part["Content-ID"]]
    assert [(part["Content-ID"], part.get_content_disposition()) for part in parts] == [
        (f"<{address.removeprefix('cid:')}>", "inline")
    ]
    assert rendered.html.count(f'src="{address}"') == 2
    assert compiled.image_addresses.keys() == {"media:pics/a.png"}


def test_attachment_keeps_its_name(compiled: CompiledMessage) -> None:
    message, _rendered = gate(compiled, PERSON, SENDER)

    assert [(part.get_filename(), part.get_content()) for part in message.iter_attachments()] == [
        ("Übersicht.pdf", b"%PDF" * 100)
    ]


def test_sender_without_extras() -> None:
    compiled = compile_message(MessageSource(subject="", content=""))

    message, _rendered = gate(
        compiled, dataclasses.replace(PERSON, name=""), Sender("a@example.com")
    )

    assert tree(message) == "alternative(plain, html)"
    assert (message["From"], message["To"]) == ("a@example.com", "Jo@xn--exmple-cua.com")


def test_variables_are_those_in_use(compiled: CompiledMessage) -> None:
    assert compiled.variables == {"first_name", "title", "unsubscribe_url"}
    assert set(KNOWN_SYSTEM_VARIABLES) == {"sender_name", "unsubscribe_url"}


def test_sender_name_is_the_senders_in_mail_and_preview() -> None:
    source = MessageSource(subject="{{ sender_name }}", content="<p>{{ sender_name }}</p>")
    compiled = compile_message(source)
    sender = dataclasses.replace(SENDER, name="Ann & Co")

    mail = parse(compiled.build(PERSON, sender, date=DATE))
    rendered = compiled.render(PERSON, sender_name="Ann & Co")

    assert (mail["Subject"], rendered.subject) == ("Ann & Co", "Ann & Co")
    assert "<p>Ann &amp; Co</p>" in rendered.html


def test_sender_name_cannot_begin_a_link() -> None:
    source = MessageSource(subject="x", content='<a href="{{ sender_name }}">x</a>')

    assert {problem.field for problem in check_source(source, [])} == {"content"}


def test_boundary_is_new_for_each_compiled_message(compiled: CompiledMessage) -> None:
    first = compiled.build(PERSON, SENDER, date=DATE)

    assert compiled.build(PERSON, SENDER, date=DATE) == first
    assert compile_message(SOURCE).build(PERSON, SENDER, date=DATE) != first


def test_person_cannot_choose_the_unsubscribe_link(compiled: CompiledMessage) -> None:
    person = dataclasses.replace(PERSON, variables={"unsubscribe_url": "https://evil.example"})

    assert "evil" not in repr(compiled.render(person))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"address": ""}, "local"),
        ({"address": "a@example.com, b@example.com"}, "local"),
        ({"address": "a@example.com\r\nBcc: b@example.com"}, "local"),
        ({"address": "a@example.com\x0bBcc"}, "local"),
        ({"address": "\ud800@example.com"}, "local"),
        ({"address": "a" * 65 + "@example.com"}, "local"),
        ({"address": "root@localhost"}, "local"),
        ({"address": "a@[127.0.0.1]"}, "local"),
        ({"address": "jürgen@example.com"}, "smtputf8"),
        ({"message_id": "<a@b>\r\nX: y"}, "local"),
        ({"unsubscribe_url": "https://e.com/" + "a" * 1_100}, "local"),
        ({"unsubscribe_url": "javascript:alert(1)"}, "local"),
        ({"variables": {"first_name": object()}}, "local"),
        ({"variables": {"first_name": "a" * 20_000}}, "local"),
    ],
)
def test_build_refuses_data_that_cannot_be_sent(
    compiled: CompiledMessage, changes: dict[str, object], reason: str
) -> None:
    person = dataclasses.replace(PERSON, **changes)  # type: ignore[arg-type]  # any of the fields

    with pytest.raises(BuildError) as caught:
        compiled.build(person, SENDER, date=DATE)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "sender",
    [
        Sender(""),
        Sender("a@example.com\r\nBcc: b@example.com"),
        Sender("a@example.com", reply_to="b"),
        Sender("a@example.com", list_id="a\r\nX: y"),
    ],
)
def test_build_refuses_a_sender_that_cannot_be(compiled: CompiledMessage, sender: Sender) -> None:
    with pytest.raises(BuildError):
        compiled.build(PERSON, sender, date=DATE)


def test_address_beyond_ascii_is_built_for_a_server_that_takes_it(
    compiled: CompiledMessage,
) -> None:
    person = dataclasses.replace(PERSON, address="jürgen@Exämple.com")
    features = Features(eight_bit=True, smtputf8=True)

    mail = compiled.build(person, SENDER, date=DATE, features=features)

    assert (mail.recipient, mail.smtputf8, mail.eight_bit) == (
        "jürgen@xn--exmple-cua.com",
        True,
        True,
    )
    assert "<jürgen@xn--exmple-cua.com>\r\n".encode() in mail.data
    assert not compiled.build(PERSON, SENDER, date=DATE, features=features).smtputf8


def test_mail_that_is_larger_than_the_server_takes_is_refused(compiled: CompiledMessage) -> None:
    size_bytes = len(compiled.build(PERSON, SENDER, date=DATE).message)

    for most, fits in ((None, True), (size_bytes, True), (size_bytes - 1, False)):
        features = Features(max_bytes=most)
        if fits:
            compiled.build(PERSON, SENDER, date=DATE, features=features)
            continue
        with pytest.raises(BuildError) as caught:
            compiled.build(PERSON, SENDER, date=DATE, features=features)
        assert caught.value.reason == "content"


def test_all_mails_of_a_message_share_one_tail(compiled: CompiledMessage) -> None:
    other = dataclasses.replace(PERSON, name="Ann", variables={})

    mails = [compiled.build(person, SENDER, date=DATE) for person in (PERSON, other)]

    assert mails[0].tail is mails[1].tail
    assert mails[0].data != mails[1].data


def test_compile_message_raises_all_problems() -> None:
    source = MessageSource(subject="{% load x %}", content="a\n<script>b</script>{{ c.d }}")

    with pytest.raises(MessageError) as caught:
        compile_message(source)

    assert [(problem.field, problem.line) for problem in caught.value.problems] == [
        ("subject", 1),
        ("content", 2),
        ("content", 2),
    ]


def test_false_conditions_leave_no_gaps_in_the_text() -> None:
    source = MessageSource(
        subject="", content="<p>a</p>{% if x %}<p>b</p>{% endif %}<p>c {{ unsubscribe_url }}</p>"
    )

    assert compile_message(source).render(PERSON).text == f"a\n\nc {PERSON.unsubscribe_url}\n"


@pytest.mark.parametrize("field", ["content", "styles", "preheader", "signature", "prev_corr"])
def test_lone_surrogates_of_an_author_are_sent_as_something_else(field: str) -> None:
    source = dataclasses.replace(SOURCE, **{field: "a\ud800b"})  # type: ignore[arg-type]  # any text

    gate(compile_message(source), PERSON, SENDER)


ANY_TEXT = st.text(
    alphabet=st.one_of(
        st.characters(), st.sampled_from('\r\n\t\0\x0b\x1b\x7f\x85\u2028,;:<>@"\\()=?. Éя漢😀')
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(name=ANY_TEXT, first_name=ANY_TEXT, title=ANY_TEXT)
def test_any_personal_data_passes_the_gate(
    compiled: CompiledMessage, name: str, first_name: str, title: str
) -> None:
    person = dataclasses.replace(
        PERSON, name=name, variables={"first_name": first_name, "title": title}
    )

    _message, rendered = gate(compiled, person, SENDER)

    assert active_content(rendered.html.partition("<body>")[2]) == []


@settings(max_examples=300, deadline=None)
@given(
    subject=ANY_TEXT,
    content=ANY_TEXT,
    preheader=ANY_TEXT,
    signature=ANY_TEXT,
    signature_is_html=st.booleans(),
    prev_corr=ANY_TEXT,
)
def test_any_source_passes_the_gate_or_has_problems(**fields: object) -> None:
    try:
        compiled = compile_message(MessageSource(**fields))  # type: ignore[arg-type]  # by name
    except MessageError:
        return

    gate(compiled, PERSON, SENDER)


def test_linked_picture_is_an_address_and_no_part() -> None:
    url = "https://mail.example.com/pictures/1.png"
    source = dataclasses.replace(SOURCE, image_urls={"media:pics/a.png": url})
    linked = compile_message(source)

    message, rendered = gate(linked, PERSON, SENDER)

    assert rendered.html.count(f'src="{url}"') == 2
    assert "cid:" not in rendered.html
    assert [part["Content-ID"] for part in message.walk() if part["Content-ID"]] == []
    assert "related" not in {part.get_content_subtype() for part in message.walk()}
    assert linked.image_addresses == {"media:pics/a.png": url}


def test_a_mail_is_the_same_whatever_language_its_author_reads():
    plain = compile_message(SOURCE).render(PERSON)

    with translation.override("ar"):
        assert compile_message(SOURCE).render(PERSON) == plain
    assert '<html lang="en">' in plain.html
