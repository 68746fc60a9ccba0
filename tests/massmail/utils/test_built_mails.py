"""The same mail by three ways: spliced, rendered, and made by Python's `email` package.

1,000 hard recipients in the suite, 100,000 with FAULTS_LONG=1; a failure names seed and number.
"""

import dataclasses
import datetime
import email
import os
import random
from collections.abc import Mapping
from decimal import Decimal
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

import pytest

from massmail.backends.base import BuiltMail, Features
from massmail.backends.smtp_protocol import stuff_body
from massmail.content.body import BodyPart
from massmail.content.headers import one_line
from massmail.content.language import Value
from massmail.content.problems import BuildError
from massmail.content.stencil import Ready, Stencil
from massmail.utils.email_creators import (
    Attachment,
    CompiledMessage,
    MessageSource,
    Person,
    Rendered,
    Sender,
    compile_message,
)
from tests.factories import red_square
from tests.massmail.content.hard_names import hard_address, hard_text

COUNT = 100_000 if os.environ.get("FAULTS_LONG") else 1_000
SEED = int(os.environ.get("FAULTS_SEED", "20260101"))
DATE = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
SENDER = Sender("Jürgen <j@example.com>", "a@example.com", "sales.example.com", name="Olga & Co")
NAMES = ("first_name", "last_name", "company", "title")

PLAIN = """<p>{{ first_name }}{{ last_name }}</p><p>{{ title }}</p>
<p>.{{ company }}. {{ first_name|default:"friend" }} {{ last_name|upper }}.</p><pre>
.{{ company|title }}
.
{{ company|lower }} </pre><p title="{{ title }}">{{ title|truncatechars:9 }}, 100 % =3D ü</p>"""
CONDITIONS = PLAIN + "{% if title %}<p>{{ first_name }}</p>{% endif %}{% firstof title 'x' %}"
CYRILLIC = f"<p>{'Привет, как дела? ' * 20}</p><p>{{{{ first_name }}}}</p><p>{{{{ title }}}} я</p>"
LONG_LINE = f"<p>{'a long line ' * 80}{{{{ first_name }}}} {{{{ title }}}}</p>{{{{ company }}}}"
LONG_CYRILLIC = f"<p>{'слово' * 95}{{{{ first_name }}}} {{{{ title }}}}</p>{{{{ company }}}}"
CONTENTS = (PLAIN, CONDITIONS, CYRILLIC, LONG_LINE, LONG_CYRILLIC)
SUBJECTS = (
    "{{ first_name }}: {{ title|default:'x' }}",
    "{% if title %}{{ title }}{% endif %} Grüße {{ first_name }}",
)
OTHER_VALUES: tuple[Value, ...] = (7, -1.5, Decimal("1234567.8"), datetime.date(2026, 2, 3), True)
FEATURES = (
    Features(),
    Features(eight_bit=True),
    Features(eight_bit=True, smtputf8=True, max_bytes=100_000),
)


def message_of(content: str, subject: str) -> CompiledMessage:
    picture = "<img alt='' src=\"{% cid_media 'pics/a.png' %}\">"
    return compile_message(
        MessageSource(
            subject=subject,
            content=content + picture,
            signature="{{ sender_name }}\n.\n{{ company }}",
            signature_is_html=False,
            preheader="{{ last_name }}",
            images={"media:pics/a.png": red_square()},
            attachments=(Attachment("Übersicht.pdf", "application/pdf", b"%PDF\n.\n" * 90),),
        )
    )


@pytest.fixture(scope="module")
def messages() -> list[CompiledMessage]:
    return [message_of(content, subject) for content in CONTENTS for subject in SUBJECTS]


class LongWay(Stencil):
    """A stencil that nothing fits."""

    __slots__ = ()

    def fill(self, values: Mapping[str, Value], ready: Ready) -> bytes | None:
        return None


def without_stencils(message: CompiledMessage) -> CompiledMessage:
    def rendered(part: BodyPart) -> BodyPart:
        facts = (getattr(part.stencil, field.name) for field in dataclasses.fields(Stencil))
        return dataclasses.replace(part, stencil=LongWay(*facts))

    return dataclasses.replace(message, html=rendered(message.html), text=rendered(message.text))


def hard_person(chance: random.Random) -> tuple[Person, bool]:
    address, is_wide = hard_address(chance)
    variables: dict[str, Value] = {name: hard_text(chance) for name in NAMES}
    if chance.random() < 0.05:
        variables[chance.choice(NAMES)] = chance.choice(OTHER_VALUES)
    person = Person(
        address=address,
        name=hard_text(chance),
        variables=variables,
        unsubscribe_url=f"https://example.com/leave/{'b' * chance.randint(1, 300)}?a=1&b=2",
        message_id=f"<{chance.getrandbits(64)}@example.com>",
    )
    return person, is_wide


def by_the_email_package(rendered: Rendered, message: CompiledMessage) -> bytes:
    """Make the same body by Python's `email` package."""
    made = EmailMessage(policy=SMTP)
    made.set_content(rendered.text)
    made.add_alternative(rendered.html, subtype="html")
    (address,) = message.image_addresses.values()
    cid = address.replace("cid:", "<") + ">"
    _text, html = made.iter_parts()
    assert isinstance(html, EmailMessage)
    html.add_related(red_square(), "image", "png", cid=cid, filename="a.png", disposition="inline")
    made.add_attachment(b"%PDF\n.\n" * 90, "application", "pdf", filename="Übersicht.pdf")
    return made.as_bytes()


def parts(whole: bytes) -> list[tuple[object, ...]]:
    """Return what a reader's program sees of each part."""
    found: list[tuple[object, ...]] = []
    for part in email.message_from_bytes(whole).walk():
        assert part.defects == []
        kind = part.get_content_type()
        if part.is_multipart():
            found.append((kind,))
            continue
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if part.get_content_maintype() == "text":
            data = data.replace(b"\r\n", b"\n")
        facts = (part.get_filename(), part["Content-ID"], part.get_content_disposition() or "")
        found.append((kind, *facts, data))
    return found


def assert_lines(mail: BuiltMail, features: Features) -> None:
    """Make sure of the form that transports and servers rely on."""
    whole = mail.message
    assert whole.count(b"\r\n") == whole.count(b"\r") == whole.count(b"\n")
    assert whole.endswith(b"\r\n")
    assert b"\0" not in whole
    assert max(map(len, whole.split(b"\r\n"))) <= 998
    assert whole.isascii() != mail.eight_bit
    assert not mail.is_stuffed or stuff_body(mail.data) == mail.data
    assert mail.is_stuffed or features.eight_bit
    assert not mail.tail.startswith(b".")
    assert b"\n." not in mail.tail
    if not features.eight_bit:
        body = whole.partition(b"\r\n\r\n")[2].split(b"\r\n")
        lines = [line for line in body if not line.lower().startswith((b"content-", b" "))]
        assert max(map(len, lines)) <= 76
        assert [line for line in body if line.startswith(b".")] == []


def assert_headers(mail: BuiltMail, person: Person, subject: str) -> None:
    head = mail.data.partition(b"\r\n\r\n")[0].decode() + "\r\n\r\n"
    message = email.message_from_string(head, policy=SMTPUTF8)
    names = [name for name in message.keys() if name != "Content-Transfer-Encoding"]  # noqa: SIM118
    assert names == [
        "From", "Reply-To", "List-Id", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe",
        "List-Unsubscribe-Post", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert message["Subject"] == subject
    assert message["Message-ID"] == mail.message_id
    assert message["List-Unsubscribe"] == f"<{person.unsubscribe_url}>"
    to = message["To"]
    assert isinstance(to, AddressHeader)
    # Python's parser keeps the space between encoded words in a name; RFC 2047 6.2 drops it
    names = [each.display_name.replace(" ", "") for each in to.addresses]
    assert names == [one_line(person.name).replace(" ", "")]
    assert [each.addr_spec for each in to.addresses] == [mail.recipient]


def assert_agree(message: CompiledMessage, person: Person, features: Features) -> None:
    rendered = message.render(person, sender_name=SENDER.name)
    expected = parts(by_the_email_package(rendered, message))
    spliced = message.build(person, SENDER, date=DATE, features=features)
    plain = without_stencils(message).build(person, SENDER, date=DATE, features=features)
    for mail in (spliced, plain):
        assert_lines(mail, features)
        assert parts(mail.message) == expected
    assert_headers(spliced, person, rendered.subject)
    mark = b"MIME-Version"
    assert plain.data.partition(mark)[0] == spliced.data.partition(mark)[0]


@pytest.mark.slow
def test_three_ways_give_the_same_mail(messages: list[CompiledMessage]) -> None:
    chance = random.Random(SEED)
    for number in range(COUNT):
        person, is_wide = hard_person(chance)
        message, features = chance.choice(messages), chance.choice(FEATURES)
        try:
            if is_wide and not features.smtputf8:
                with pytest.raises(BuildError, match="only ASCII"):
                    message.build(person, SENDER, date=DATE, features=features)
            else:
                assert_agree(message, person, features)
        except BaseException as error:
            error.add_note(f"seed {SEED}, number {number}: {person!r} {features!r}")
            raise
