"""A message: what a campaign says, with its attachments."""

from django.contrib.contenttypes.fields import GenericRelation
from django.utils.translation import gettext_lazy as _

from common.models import OwnedQuerySet, TheFile
from massmail.models.baseeml import BaseEml


class EmlMessageQuerySet(OwnedQuerySet["EmlMessage"]):
    pass


class EmlMessage(BaseEml):
    """A message that mailing outs send. They send the version frozen at their start."""

    files = GenericRelation(TheFile, verbose_name=_("attachments"))

    objects = EmlMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-pk"]
