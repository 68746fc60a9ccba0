"""What everybody in the audience has: an owner, a place, a source, tags."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Base1
from crm.models.lookups import City, Country, LeadSource, Tag
from massmail.models import Recipient

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class BaseCounterparty(Recipient, Base1):
    """A recipient that is assigned to a user, or to nobody yet."""

    owner: "models.ForeignKey[User | None, User | None]" = models.ForeignKey(  # type: ignore[assignment]  # as the base's, but for null
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="%(app_label)s_%(class)s_owner_related",
        verbose_name=_("assigned to"),
    )
    country = models.ForeignKey(
        Country, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("country")
    )
    city = models.ForeignKey(
        City, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("city")
    )
    lead_source = models.ForeignKey(
        LeadSource, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("lead source")
    )
    tags = models.ManyToManyField(Tag, blank=True, verbose_name=_("tags"))

    class Meta:
        abstract = True
        ordering = ["-pk"]

    def clean(self) -> None:
        """Refuse a city of another country."""
        super().clean()
        if self.city is not None and self.city.country_id != self.country_id:
            raise ValidationError({"city": _("This city is in another country.")})
