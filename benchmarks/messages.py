"""The sample messages that all measurements send, and the people to whom they go.

A: 8.3 KB of HTML, 1.4 KB of text, six variable places, a subject with a name; 45 % of the names
are not ASCII. B: A with a picture of 50 KB in it and an attachment of 200 KB. Needs a Django that
is set up, no database.
"""

import dataclasses
import random
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime

from django.utils import timezone

from massmail.content import layout
from massmail.utils.email_creators import Attachment, MessageSource, Person, Sender

PICTURE = "media:pics/spring.png"
PICTURE_BYTES = 50_000
ATTACHMENT_BYTES = 200_000
VARIABLES = ("first_name", "last_name", "company")  # as `crm.models.Contact` offers them

SENDER = Sender(
    from_email="Olga Owner <olga@example.com>",
    reply_to="answers@example.com",
    list_id="owner-1.massmail.example.com",
    name="Olga Owner",
)

SUBJECT = "{{ first_name }}, the spring catalogue is here"
ANY_SUBJECT = (
    "{% if first_name %}{{ first_name }}, the{% else %}The{% endif %} spring catalogue is here"
)

_STYLES = """
.box { padding: 16px 24px; border: 1px solid #d8dee4; border-radius: 6px;
       background-color: #ffffff }
.head { font-family: Arial, Helvetica, sans-serif; font-size: 20px; color: #1f2933;
        line-height: 1.3 }
.line { font-family: Arial, Helvetica, sans-serif; font-size: 15px; color: #3e4c59;
        line-height: 1.5; padding: 6px 12px;
        border-bottom: 1px solid #e4e7eb; vertical-align: top }
.price { font-weight: bold; color: #0b6e4f; text-align: right; white-space: nowrap }
.link { color: #0b6e4f; text-decoration: underline; font-family: Arial, Helvetica, sans-serif;
        font-weight: bold; display: block }
"""

_BEGIN = """<table width="600" align="center" role="presentation" cellpadding="0">
<tr><td class="box">
<h1 class="head">Dear {{ first_name }} {{ last_name }},</h1>
<p class="line">what {{ company }} ordered last year grew well, we hope.
The new catalogue is out.</p>
<table width="100%" role="presentation" cellpadding="6">
"""
_ANY_BEGIN = _BEGIN.replace(
    "Dear {{ first_name }} {{ last_name }},",
    "{% if last_name %}Dear {{ first_name }} {{ last_name }}{% else %}Good morning{% endif %},",
)
_ROW = """<tr><td class="line"><a class="link" href="https://shop.example.com/catalogue/spring/{number}">\
{plant}</a><br>{words}</td><td class="line price">{price} €</td></tr>
"""
_END = """</table>
<p class="line">Orders of {{ company }} that reach us before the first of April travel free.
We answer every question, by mail or by telephone, from Monday to Friday.</p>
<p class="line">With kind regards, Olga Owner</p>
</td></tr></table>"""

_PLANTS = (
    ("Field maple, 80 to 100 cm", "A hedge or a small tree; bears wind.", "4.90"),
    ("Hornbeam, 60 to 80 cm", "Keeps its leaves until spring.", "3.40"),
    ("Rowan, 120 to 150 cm", "White in May, red in autumn: birds love it.", "12.50"),
    ("Wild apple, 100 to 120 cm", "Early blossom, bees come first to it.", "9.80"),
    ("Blackthorn, 60 cm", "Dense and thorny; nests are safe here.", "2.70"),
    ("Guelder rose, 80 cm", "Likes wet feet; large white flowers.", "5.20"),
    ("Dog rose, bare root", "Hips full of vitamins until January.", "3.90"),
    ("Spindle, 60 to 80 cm", "Pink fruit that looks like a hat.", "4.60"),
    ("Small-leaved lime, 150 cm", "A tree for grandchildren and for bees.", "29.00"),
)

_ASCII_NAMES = ("Ann", "Robert", "Maria", "John", "Laura", "Peter", "Emma", "David", "Sofia")
_OTHER_NAMES = ("Jürgen", "Zoë", "Łukasz", "Олена", "Дмитро", "Γιώργος", "محمد", "美咲", "지우")
_ASCII_FAMILIES = ("Smith", "Miller", "Garcia", "Novak", "Rossi", "Jones", "Weber", "Martin")
_OTHER_FAMILIES = ("Müller", "Šimánek", "Шевченко", "Παπαδόπουλος", "الأحمد", "山田", "김", "Ågren")
_COMPANIES = ("Green & Sons", "Garden Works Ltd", "Baumschule Süd", "Verde", "Сади", "O'Neil")
_NOT_ASCII = 0.45


def message_a(*, any_template: bool = False) -> MessageSource:
    """Return message A: its templates plain variables alone, or with conditions."""
    rows = "".join(
        _ROW.format(number=number, plant=plant, words=words, price=price)
        for number, (plant, words, price) in enumerate(_PLANTS)
    )
    return MessageSource(
        subject=ANY_SUBJECT if any_template else SUBJECT,
        content=(_ANY_BEGIN if any_template else _BEGIN) + rows + _END,
        styles=_STYLES,
    )


def message_b(*, any_template: bool = False) -> MessageSource:
    """Return message B: A with a picture in its HTML and an attachment."""
    message = message_a(any_template=any_template)
    picture = '<p><img alt="" width="560" src="{% cid_media \'pics/spring.png\' %}"></p>'
    return dataclasses.replace(
        message,
        content=message.content.replace("<h1", picture + "<h1", 1),
        images={PICTURE: picture_bytes()},
        attachments=(Attachment("catalogue.pdf", "application/pdf", attachment_bytes()),),
    )


def people(count: int, *, seed: int = 1) -> Iterator[Person]:
    """Yield people, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # samples
    for number in range(count):
        is_other = chance.random() < _NOT_ASCII
        first = chance.choice(_OTHER_NAMES if is_other else _ASCII_NAMES)
        last = chance.choice(_OTHER_FAMILIES if is_other else _ASCII_FAMILIES)
        company = chance.choice(_COMPANIES)
        unique = uuid.UUID(int=chance.getrandbits(128))
        yield Person(
            address=f"person{number}@example.org",
            name=f"{first} {last}",
            variables={"first_name": first, "last_name": last, "company": company},
            unsubscribe_url=f"https://mail.example.com/massmail/unsubscribe/{unique}/",
            message_id=f"<{unique}@example.com>",
        )


@dataclass(frozen=True, slots=True)
class PlainTemplates:
    """The same mail as sources of Django templates, for a comparison that builds it by hand."""

    subject: str
    html: str
    text: str


def plain_templates(source: MessageSource) -> PlainTemplates:
    """Return the finished templates of a message without pictures."""
    composed = layout.compose(source.unified(), {})
    return PlainTemplates(
        subject=source.subject,
        html="".join(piece.text for piece in composed.html),
        text="".join(piece.text for piece in composed.text),
    )


def comparison_headers(person: Person) -> dict[str, str]:
    """Return what a mail built by hand needs to have the same headers as one of ours."""
    return {
        "Date": format_datetime(timezone.localtime()),
        "Message-ID": person.message_id,
        "List-Id": f"<{SENDER.list_id}>",
        "List-Unsubscribe": f"<{person.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def picture_bytes() -> bytes:
    """Return a PNG of about 50 KB: grey noise, the same each time."""
    width, height = 250, PICTURE_BYTES // 251
    chance = random.Random(2)  # noqa: S311  # samples
    rows = b"".join(b"\0" + chance.randbytes(width) for _row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def attachment_bytes() -> bytes:
    """Return a file of 200 KB that begins as a PDF does, the same each time."""
    chance = random.Random(3)  # noqa: S311  # samples
    return b"%PDF-1.4\n" + chance.randbytes(ATTACHMENT_BYTES - 9)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
