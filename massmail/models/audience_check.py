"""The check of every recipient of a draft: what was found, and for which message and audience."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from massmail.models.mailing_out import MailingOut


class AudienceCheck(models.Model):
    """One check a mailing out; it holds as long as its stamp is that of message and audience."""

    mailing_out = models.OneToOneField(
        MailingOut, on_delete=models.CASCADE, primary_key=True, related_name="audience_check"
    )
    stamp = models.CharField(max_length=64)  # of the message version and the audience, hex
    asked_at = models.DateTimeField(_("asked"))
    checked_at = models.DateTimeField(_("checked"), null=True)  # null: it is still at work
    checked_number = models.PositiveIntegerField(_("people checked"), default=0)
    findings = models.JSONField(default=list)  # what services/checking.py wrote, for its reader

    class Meta:
        verbose_name = _("check of an audience")
        verbose_name_plural = _("checks of audiences")

    def __str__(self) -> str:
        return str(self.mailing_out)
