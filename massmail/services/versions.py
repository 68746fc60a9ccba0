"""Message versions: a message frozen with its files, and compiled once a process."""

import functools
import hashlib
import mimetypes
from collections.abc import Mapping

from django.db import transaction

from massmail.content.images import available_images
from massmail.models import EmlMessage, MessageVersion, Signature, VersionFile, known_variables
from massmail.utils.email_creators import (
    Attachment,
    CompiledMessage,
    MessageError,
    MessageSource,
    Problem,
    check_source,
    compile_message,
    image_names,
)

COMPILED_KEPT = 8  # versions a process keeps compiled; attachments are held in memory


def source_of(message: EmlMessage) -> MessageSource:
    """Return all that a message is made of now, its pictures and attachments read from storage.

    A picture that is missing is left out: `check_source` names it.
    """
    signature = message.signature
    texts = [message.content, signature.content if signature else ""]
    return MessageSource(
        subject=message.subject,
        content=message.content,
        styles=message.styles,
        preheader=message.preheader,
        signature=signature.content if signature else "",
        signature_is_html=signature is None or signature.type == Signature.Type.HTML,
        prev_corr=message.prev_corr,
        images=available_images(image_names(texts)),
        attachments=_attachments(message) if message.pk else (),
    )


def problems_of(message: EmlMessage) -> list[Problem]:
    """Return what forbids sending the message as it is now."""
    return check_source(source_of(message), known_variables())


def freeze(message: EmlMessage) -> MessageVersion:
    """Return the version of the message as it is now; a new row only if it differs from all.

    Raises MessageError if it does not compile, or names a variable that no recipient type has.
    """
    source = source_of(message)
    if problems := check_source(source, known_variables()):
        raise MessageError(problems)
    with transaction.atomic():
        version, is_new = MessageVersion.objects.get_or_create(
            message=message, digest=_digest(source), defaults=_texts(source)
        )
        if is_new:
            VersionFile.objects.bulk_create(_files(version, source))
    return version


def is_current(version: MessageVersion, message: EmlMessage) -> bool:
    """Tell whether the message is still what was frozen; reads its files, compiles nothing."""
    return version.digest == _digest(source_of(message))


@functools.lru_cache(maxsize=COMPILED_KEPT)
def compiled(version_id: int) -> CompiledMessage:
    """Return a version compiled; from the database the first time, then from this process."""
    version = MessageVersion.objects.prefetch_related("files").get(pk=version_id)
    return compile_message(frozen_source(version))


def frozen_source(version: MessageVersion) -> MessageSource:
    """Return all that a version is made of."""
    files = list(version.files.all())
    return MessageSource(
        subject=version.subject,
        content=version.content,
        styles=version.styles,
        preheader=version.preheader,
        signature=version.signature,
        signature_is_html=version.signature_is_html,
        prev_corr=version.prev_corr,
        images={
            file.name: bytes(file.data) for file in files if file.role == VersionFile.Role.IMAGE
        },
        attachments=tuple(
            Attachment(file.name, file.content_type, bytes(file.data))
            for file in files
            if file.role == VersionFile.Role.ATTACHMENT
        ),
    )


def _attachments(message: EmlMessage) -> tuple[Attachment, ...]:
    found = []
    for row in message.files.order_by("pk"):
        name = str(row)
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with row.file.open("rb") as stored:
            found.append(Attachment(name, content_type, stored.read()))
    return tuple(found)


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
        VersionFile(version=version, role=VersionFile.Role.IMAGE, name=name, data=data)
        for name, data in source.images.items()
    ]
    attachments = [
        VersionFile(
            version=version,
            role=VersionFile.Role.ATTACHMENT,
            name=attachment.name,
            content_type=attachment.content_type,
            data=attachment.data,
        )
        for attachment in source.attachments
    ]
    return images + attachments


def _digest(source: MessageSource) -> str:
    """Return a digest over every text and file; lengths keep neighbours from running together."""
    parts = [repr(sorted(_texts(source).items())).encode()]
    parts += [
        part for name in sorted(source.images) for part in (name.encode(), source.images[name])
    ]
    for attachment in source.attachments:
        parts += [attachment.name.encode(), attachment.content_type.encode(), attachment.data]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()
