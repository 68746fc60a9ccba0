"""Troubles of an address that suppress it only if they come again over some time."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AddressTrouble(models.Model):
    """How often one trouble of one address was met, since when; gone once it suppressed it."""

    address_key = models.CharField(_("address"), max_length=254)
    kind = models.CharField(max_length=8)  # a reply_rules.Repeated
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        verbose_name = _("trouble of an address")
        verbose_name_plural = _("troubles of addresses")
        constraints = [
            models.UniqueConstraint(fields=["address_key", "kind"], name="one_trouble_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.address_key}: {self.kind} {self.count}"
