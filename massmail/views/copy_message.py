"""Copying a message: the copy is the user's own, in a state to be edited."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from common.models import Department, TheFile
from massmail.models import EmlMessage, Signature
from massmail.views.access import user_of, visible_or_404


@require_POST
def copy_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Copy a message that the user may read, attachments included, with the user's signature."""
    user = user_of(request)
    if not user.has_perm("massmail.add_emlmessage"):
        raise PermissionDenied
    message = visible_or_404(request, EmlMessage, message_id)
    signature = Signature.objects.filter(owner=user, default=True).first()
    with transaction.atomic():
        copy = EmlMessage.objects.create(
            owner=user,
            modified_by=user,
            department=Department.objects.of(user).order_by("pk").first(),
            signature=message.signature if message.owner_id == user.pk else signature,
            subject=message.subject,
            preheader=message.preheader,
            content=message.content,
            styles=message.styles,
            prev_corr=message.prev_corr,
        )
        for row in message.files.order_by("pk"):
            TheFile.objects.create(content_object=copy, file=row.file.name)
    messages.success(request, _("This is your copy. Edit it as you like."))
    return redirect("admin:massmail_emlmessage_change", copy.pk)
