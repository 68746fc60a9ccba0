"""Signatures: the one that stands in new messages, and how one is looked at without a message."""

from django.contrib.auth.models import User
from django.db import transaction

from massmail.models import EmlMessage, Signature

TEXT_ABOVE = "…"  # stands for the message in the preview of a signature


def message_above(signature: Signature) -> EmlMessage:
    """Return an unsaved message that ends with this signature, to be checked or shown."""
    return EmlMessage(subject="…", content=TEXT_ABOVE, signature=signature)


@transaction.atomic
def make_room_for_default(*, signature: Signature) -> None:
    """Let the owner's former default step aside for a signature that is about to be saved.

    Holds the owner's row, so that of two at once the later one is the default.
    """
    if not signature.default:
        return
    User.objects.select_for_update().get(pk=signature.owner_id)
    others = Signature.objects.filter(owner=signature.owner_id, default=True)
    others.exclude(pk=signature.pk).update(default=False)
