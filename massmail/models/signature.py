"""A signature: the reusable closing block of its owner."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.models import Base1, OwnedQuerySet


class SignatureQuerySet(OwnedQuerySet["Signature"]):
    pass


class Signature(Base1):
    """HTML or plain text that stands below a message."""

    class Type(models.TextChoices):
        HTML = "HTML", _("HTML")
        PLAIN = "Plain text", _("plain text")

    name = models.CharField(_("name"), max_length=100)
    type = models.CharField(_("type"), max_length=10, choices=Type, default=Type.HTML)
    content = models.TextField(_("content"))
    default = models.BooleanField(
        _("default"), default=False, help_text=_("Stands in your new messages.")
    )

    objects = SignatureQuerySet.as_manager()

    class Meta:
        verbose_name = _("signature")
        verbose_name_plural = _("signatures")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(default=True),
                name="one_default_signature_per_owner",
                violation_error_message=_("This owner already has a default signature."),
            )
        ]

    def __str__(self) -> str:
        return self.name
