"""A message version: a message frozen at the start of a mailing out, file bytes included."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from massmail.models.email_message import EmlMessage


class MessageVersion(models.Model):
    """What a started mailing out sends, so that a worker needs the database alone.

    Later edits of the message, its signature or its files change nothing here. Equal versions are
    stored once.
    """

    message = models.ForeignKey(
        EmlMessage, on_delete=models.PROTECT, related_name="versions", verbose_name=_("message")
    )
    digest = models.CharField(max_length=64, editable=False)  # sha256 of all that is below, hex
    subject = models.CharField(_("subject"), max_length=250)
    preheader = models.CharField(max_length=150, blank=True)
    content = models.TextField()
    styles = models.TextField(blank=True)
    signature = models.TextField(blank=True)
    signature_is_html = models.BooleanField(default=True)
    prev_corr = models.TextField(blank=True)
    links_pictures = models.BooleanField(default=False)  # else they travel in the mail

    class Meta:
        verbose_name = _("message version")
        verbose_name_plural = _("message versions")
        constraints = [
            models.UniqueConstraint(fields=["message", "digest"], name="one_row_per_version")
        ]

    def __str__(self) -> str:
        return self.subject


class VersionFile(models.Model):
    """A picture or an attachment of a version, as bytes."""

    class Role(models.TextChoices):
        IMAGE = "image", _("picture in the text")
        ATTACHMENT = "attachment", _("attachment")

    version = models.ForeignKey(MessageVersion, on_delete=models.CASCADE, related_name="files")
    role = models.CharField(max_length=10, choices=Role)
    name = models.CharField(max_length=250)
    content_type = models.CharField(max_length=100)
    data = models.BinaryField()
    # Of a linked picture: its public address, which works as long as the version exists.
    public_id = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("file of a version")
        verbose_name_plural = _("files of a version")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name
