"""Copying a message: the copy is the user's own, in a state to be edited."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from massmail.models import EmlMessage
from massmail.services import messages as copies
from massmail.views.access import user_of, visible_or_404


@require_POST
def copy_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Copy a message that the user may read, attachments included, with the user's signature."""
    user = user_of(request)
    if not user.has_perm("massmail.add_emlmessage"):
        raise PermissionDenied
    message = visible_or_404(request, EmlMessage, message_id, related=("signature",))
    copy = copies.copy_message(message=message, user=user)
    messages.success(request, _("This is your copy. Edit it as you like."))
    return redirect("admin:massmail_emlmessage_change", copy.pk)
