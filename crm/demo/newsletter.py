"""The demo's message: a newsletter with a picture, an attachment, a signature and variables."""

import io
from importlib import resources

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from PIL import Image, ImageDraw, ImageFont

from common.models import Department, TheFile
from massmail.models import EmlMessage, Picture, Signature
from massmail.services import pictures

LOGO = "pics/demo-logo.png"  # as the text names it, which no upload is called
ATTACHMENT = "price-list.pdf"

_FILES = resources.files("crm.demo") / "files"
_SIZE = (320, 96)  # pixels, twice what is shown
_BANNER = (640, 200)
_GREEN, _AMBER, _WHITE = "#1f3d36", "#e0a258", "#ffffff"


def add_newsletter(owner: User, department: Department | None) -> EmlMessage:
    """Add the message, its picture and its attachment; writes two files into the storage."""
    picture = pictures.add(owner=owner, name="Lantern & Co.png", data=_logo())
    message = EmlMessage.objects.create(
        owner=owner,
        department=department,
        subject='Spring news for {{ first_name|default:"you" }}',
        preheader="Three things are new, and one is leaving us.",
        content=_text("newsletter.html").replace(LOGO, str(picture.file)),
        styles=_text("newsletter.css"),
        signature=_signature(owner, department),
    )
    attachment = TheFile(content_object=message)
    attachment.file.save(ATTACHMENT, ContentFile((_FILES / ATTACHMENT).read_bytes()))
    return message


def add_banner(owner: User) -> Picture:
    """Add a picture for another message."""
    image = Image.new("RGB", _BANNER, _GREEN)
    draw = ImageDraw.Draw(image)
    for number in range(9):
        middle, height = 40 + 70 * number, 60 + 25 * (number % 3)
        draw.line((middle, 0, middle, height), fill=_AMBER, width=2)
        draw.rounded_rectangle((middle - 16, height, middle + 16, height + 44), 6, fill=_AMBER)
        draw.ellipse((middle - 8, height + 12, middle + 8, height + 32), fill=_WHITE)
    return pictures.add(owner=owner, name="Autumn lights.png", data=_png(image))


def _signature(owner: User, department: Department | None) -> Signature:
    return Signature.objects.create(
        owner=owner,
        department=department,
        name="Lantern & Co",
        content=_text("signature.html"),
        default=True,
    )


def _logo() -> bytes:
    """Draw a lantern and the name of the company; return a PNG."""
    image = Image.new("RGB", _SIZE, _GREEN)
    draw = ImageDraw.Draw(image)
    draw.line((48, 8, 48, 22), fill=_AMBER, width=4)
    draw.polygon([(28, 34), (68, 34), (60, 22), (36, 22)], fill=_AMBER)
    draw.rounded_rectangle((30, 36, 66, 76), radius=6, fill=_AMBER)
    draw.ellipse((40, 46, 56, 66), fill=_WHITE)
    draw.rectangle((26, 78, 70, 84), fill=_AMBER)
    draw.text((90, 30), "Lantern & Co", fill=_WHITE, font=ImageFont.load_default(size=34))
    return _png(image)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _text(name: str) -> str:
    return (_FILES / name).read_text("utf-8")
