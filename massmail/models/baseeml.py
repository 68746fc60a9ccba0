"""What every written email has: subject, content, signature."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Base1
from massmail.models.signature import Signature


class BaseEml(Base1):
    """An email as its author writes it; a template with variables."""

    subject = models.CharField(_("subject"), max_length=250)
    preheader = models.CharField(
        _("preheader"),
        max_length=150,
        blank=True,
        help_text=_("The line that mail programs show beside the subject."),
    )
    content = models.TextField(_("content"), help_text=_("HTML with variables."))
    styles = models.TextField(
        _("styles"), blank=True, help_text=_("CSS; it is written into the elements when sent.")
    )
    signature = models.ForeignKey(
        Signature,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("signature"),
    )
    prev_corr = models.TextField(
        _("previous correspondence"),
        blank=True,
        help_text=_("Quoted below the signature, as it is, without variables."),
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.subject
