"""Message versions: a message frozen with its files, and compiled once a process."""

import functools
import hashlib
import mimetypes
import uuid
from collections.abc import Mapping
from dataclasses import replace

from django.core.exceptions import SuspiciousFileOperation
from django.db import transaction

from common.models import TheFile
from massmail.content import attachments
from massmail.content.images import image_type
from massmail.models import EmlMessage, MessageVersion, Signature, VersionFile, known_variables
from massmail.services import pictures
from massmail.utils.email_creators import (
    Attachment,
    CompiledMessage,
    MessageError,
    MessageSource,
    Problem,
    check_source,
    compile_message,
)

COMPILED_KEPT = 8  # versions a process keeps compiled; attachments are held in memory


def source_of(message: EmlMessage, *, links_pictures: bool = False) -> MessageSource:
    """Return all that a message is made of now, its pictures and attachments read from storage.

    A picture that is missing, or not its owner's to show, is left out: `check_source` names it.
    Linked pictures get addresses as long as the real ones, which lead nowhere: always the same,
    so that two readings of one message are equal.
    """
    source = _text_source(message)
    if links_pictures:
        source = replace(source, image_urls=_urls_to_nowhere(source.images))
    return _with_attachments(source, message) if message.pk else source


def _urls_to_nowhere(images: Mapping[str, bytes]) -> dict[str, str]:
    """Return an address for each picture; no version has a picture under a UUID of version 5."""
    return {
        key: pictures.public_url(uuid.uuid5(uuid.NAMESPACE_URL, key), data)
        for key, data in images.items()
    }


def _text_source(message: EmlMessage) -> MessageSource:
    """Return what a message is made of but for its attachments."""
    signature = message.signature
    return MessageSource(
        subject=message.subject,
        content=message.content,
        styles=message.styles,
        preheader=message.preheader,
        signature=signature.content if signature else "",
        signature_is_html=signature is None or signature.type == Signature.Type.HTML,
        prev_corr=message.prev_corr,
        images=pictures.images_of(message),
    )


def problems_of(message: EmlMessage) -> list[Problem]:
    """Return what forbids sending the message as it is now."""
    return check_source(source_of(message), known_variables())


def text_problems_of(message: EmlMessage) -> list[Problem]:
    """Return what forbids sending it as it is now, attachments aside: their forms check them."""
    return check_source(_text_source(message), known_variables())


def freeze(message: EmlMessage, *, links_pictures: bool = False) -> MessageVersion:
    """Return the version of the message as it is now; a new row only if it differs from all.

    Linked pictures get public addresses that work as long as the version exists. Raises
    MessageError if it does not compile, or names a variable that no recipient type has.
    """
    source = source_of(message)
    if problems := check_source(source, known_variables()):
        raise MessageError(problems)
    links_pictures = links_pictures and bool(source.images)
    with transaction.atomic():
        version, is_new = MessageVersion.objects.get_or_create(
            message=message,
            digest=_digest(source, links_pictures=links_pictures),
            defaults={**_texts(source), "links_pictures": links_pictures},
        )
        if is_new:
            VersionFile.objects.bulk_create(_files(version, source))
    return version


def is_current(version: MessageVersion, message: EmlMessage) -> bool:
    """Tell whether the message is still what was frozen; reads its files, compiles nothing."""
    source = source_of(message)
    links_pictures = version.links_pictures and bool(source.images)
    return version.digest == _digest(source, links_pictures=links_pictures)


@functools.lru_cache(maxsize=COMPILED_KEPT)
def compiled(version_id: int) -> CompiledMessage:
    """Return a version compiled; from the database the first time, then from this process."""
    version = MessageVersion.objects.prefetch_related("files").get(pk=version_id)
    return compile_message(frozen_source(version))


def frozen_source(version: MessageVersion) -> MessageSource:
    """Return all that a version is made of."""
    files = list(version.files.all())
    images = [file for file in files if file.role == VersionFile.Role.IMAGE]
    return MessageSource(
        subject=version.subject,
        content=version.content,
        styles=version.styles,
        preheader=version.preheader,
        signature=version.signature,
        signature_is_html=version.signature_is_html,
        prev_corr=version.prev_corr,
        images={file.name: bytes(file.data) for file in images},
        image_urls={
            file.name: pictures.public_url(file.public_id, bytes(file.data))
            for file in images
            if file.public_id is not None
        },
        attachments=tuple(
            Attachment(file.name, file.content_type, bytes(file.data))
            for file in files
            if file.role == VersionFile.Role.ATTACHMENT
        ),
    )


def _with_attachments(source: MessageSource, message: EmlMessage) -> MessageSource:
    """Add the attachments, and the names of those whose file is gone."""
    found, missing = [], []
    for row in message.files.order_by("pk"):
        name = str(row)
        data = _stored(row)
        if data is None:
            missing.append(name)
            continue
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        found.append(Attachment(name, content_type, data))
    return replace(source, attachments=tuple(found), missing=tuple(missing))


def _stored(row: TheFile) -> bytes | None:
    """Return the bytes of an attachment, of one that is too large the beginning; None if gone."""
    try:
        with row.file.open("rb") as stored:
            return bytes(stored.read(attachments.MAX_BYTES + 1))
    except (OSError, ValueError, SuspiciousFileOperation):
        return None


def _texts(source: MessageSource) -> Mapping[str, object]:
    return {
        "subject": source.subject,
        "preheader": source.preheader,
        "content": source.content,
        "styles": source.styles,
        "signature": source.signature,
        "signature_is_html": source.signature_is_html,
        "prev_corr": source.prev_corr,
    }


def _files(version: MessageVersion, source: MessageSource) -> list[VersionFile]:
    images = [
        VersionFile(
            version=version,
            role=VersionFile.Role.IMAGE,
            name=name,
            content_type=image_type(data),
            data=data,
            public_id=uuid.uuid4() if version.links_pictures else None,
        )
        for name, data in source.images.items()
    ]
    attached = [
        VersionFile(
            version=version,
            role=VersionFile.Role.ATTACHMENT,
            name=attachment.name,
            content_type=attachment.content_type,
            data=attachment.data,
        )
        for attachment in source.attachments
    ]
    return images + attached


def _digest(source: MessageSource, *, links_pictures: bool) -> str:
    """Return a digest over every text and file; lengths keep neighbours from running together."""
    parts = [repr(sorted(_texts(source).items())).encode()]
    parts += [b"linked"] if links_pictures else []
    parts += [
        part for name in sorted(source.images) for part in (name.encode(), source.images[name])
    ]
    for attachment in source.attachments:
        parts += [attachment.name.encode(), attachment.content_type.encode(), attachment.data]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()
