"""Mailing outs for measurements: the sample messages in the database, and people for them."""

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection

from benchmarks import messages
from benchmarks.people import add_people
from common.models import TheFile
from crm.models import Contact
from massmail.models import EmlMessage, MailingOut, Picture
from massmail.utils.email_creators import MessageSource


def store(source: MessageSource, owner: User) -> EmlMessage:
    """Write a sample message to the database, its picture and attachment with it."""
    message = EmlMessage.objects.create(
        owner=owner, subject=source.subject, content=source.content, styles=source.styles
    )
    for name, data in source.images.items():
        file = ContentFile(data, name=name.rpartition("/")[2])
        picture = Picture.objects.create(owner=owner, file=file, size_bytes=len(data))
        stored = f"{{% cid_media '{picture.file.name}' %}}"
        message.content = message.content.replace("{% cid_media 'pics/spring.png' %}", stored)
        message.save(update_fields=["content"])
    for attachment in source.attachments:
        content = ContentFile(attachment.data, name=attachment.name)
        TheFile.objects.create(content_object=message, file=content)
    return message


def message_of(name: str, owner: User) -> EmlMessage:
    """Write sample message A, "A any" (any template) or B anew: nobody has received it."""
    sources = {
        "A": messages.message_a,
        "A any": lambda: messages.message_a(any_template=True),
        "B": messages.message_b,
    }
    return store(sources[name](), owner)


def draft_to(count: int, owner: User, message: EmlMessage, *, name: str = "bench") -> MailingOut:
    """Add a draft to the first people of the owner, who are made if there are too few."""
    chosen = Contact.objects.filter(owner=owner).order_by("pk")
    if chosen.count() < count:
        add_people(count, owner)
    last = chosen.values_list("pk", flat=True)[count - 1]
    people = Contact.objects.filter(owner=owner, pk__lte=last)
    draft = MailingOut.objects.create_for(people, owner=owner, message=message, name=name)
    draft.pictures = MailingOut.Pictures.EMBEDDED  # B is to be as large as it can be
    draft.save(update_fields=["pictures"])
    return draft


def tidy() -> None:
    """Leave nothing of the preparation for the background to do (VACUUM, CHECKPOINT)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
