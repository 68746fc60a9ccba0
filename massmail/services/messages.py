"""Copying messages, choosing one for a draft, and why one is kept: what is sent is not deleted."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.models import Department, TheFile
from massmail.models import EmlMessage, MailingOut, MessageVersion, Signature
from massmail.services import audience

NAMES_SHOWN = 5


@transaction.atomic
def copy_message(*, message: EmlMessage, user: User) -> EmlMessage:
    """Copy a message with its attachments; the copy is the user's, in their own department.

    The signature of somebody else becomes the user's default one.
    """
    copy = EmlMessage.objects.create(
        owner=user,
        modified_by=user,
        department=Department.objects.first_of(user),
        signature=signature_for(message=message, user=user),
        subject=message.subject,
        preheader=message.preheader,
        content=message.content,
        styles=message.styles,
        prev_corr=message.prev_corr,
    )
    copy_attachments(source=message, target=copy)
    return copy


def copy_attachments(*, source: EmlMessage, target: EmlMessage) -> None:
    """Attach the files of one message to another; the rows share the stored files."""
    for row in source.files.order_by("pk"):
        TheFile.objects.create(content_object=target, file=row.file.name)


def signature_for(*, message: EmlMessage, user: User) -> Signature | None:
    """Return the signature of a user's copy: the message's if it is theirs, else their default."""
    if message.owner_id == user.pk:
        return message.signature
    return default_signature(user)


def default_signature(user: User) -> Signature | None:
    """Return the signature that stands in a user's new messages."""
    return Signature.objects.filter(owner=user, default=True).first()


@transaction.atomic
def choose_for(mailing_out: MailingOut, *, message: EmlMessage, user: User) -> bool:
    """Let a draft send this message; False if it has been started meanwhile."""
    drafts = MailingOut.objects.filter(pk=mailing_out.pk, started_at=None, preparing="")
    if not drafts.update(message=message, modified_by=user):
        return False
    audience.refresh(mailing_out)
    return True


def why_kept(*, messages: QuerySet[EmlMessage], user: User) -> str:
    """Return why these messages cannot be deleted, as a sentence for the user; "" if they can.

    Mailing outs that the user may not see are counted, not named. At most three statements.
    """
    uses = MailingOut.objects.filter(message__in=messages)
    number = uses.count()
    if number:
        names = uses.visible_to(user).order_by("-pk").values_list("name", flat=True)[:NAMES_SHOWN]
        return _in_use(list(names), number)
    if MessageVersion.objects.filter(message__in=messages).exists():
        return _("Mails of this message were sent. It is kept as the record of what was sent.")
    return ""


def _in_use(names: list[str], number: int) -> str:
    if not names:
        text = ngettext(
            "A mailing out of somebody else uses this message. It is kept.",
            "%(count)s mailing outs of others use this message. It is kept.",
            number,
        )
        return text % {"count": localize(number)}
    listed = ", ".join(_("“%(name)s”") % {"name": name} for name in names)
    if more := number - len(names):
        text = ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", more)
        listed = text % {"names": listed, "count": localize(more)}
    text = ngettext(
        "A mailing out uses this message: %(names)s. It is kept.",
        "%(count)s mailing outs use this message: %(names)s. It is kept.",
        number,
    )
    return text % {"count": localize(number), "names": listed}
