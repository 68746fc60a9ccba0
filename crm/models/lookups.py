"""The lookups by which people are segmented: where, what kind, which trade, from where."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Lookup(models.Model):
    """A name that others refer to."""

    name = models.CharField(_("name"), max_length=70, unique=True)

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Country(Lookup):
    """A country."""

    class Meta(Lookup.Meta):
        verbose_name = _("country")
        verbose_name_plural = _("countries")


class City(models.Model):
    """A city; two countries may have one of the same name."""

    name = models.CharField(_("name"), max_length=70)
    country = models.ForeignKey(Country, on_delete=models.PROTECT, verbose_name=_("country"))

    class Meta:
        verbose_name = _("city")
        verbose_name_plural = _("cities")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["country", "name"], name="one_city_per_country")
        ]

    def __str__(self) -> str:
        return self.name


class ClientType(Lookup):
    """What a company is to us: a reseller, an end customer."""

    class Meta(Lookup.Meta):
        verbose_name = _("type")
        verbose_name_plural = _("types")


class Industry(Lookup):
    """The trade a company is in."""

    class Meta(Lookup.Meta):
        verbose_name = _("industry")
        verbose_name_plural = _("industries")


class LeadSource(Lookup):
    """Where we know somebody from."""

    class Meta(Lookup.Meta):
        verbose_name = _("lead source")
        verbose_name_plural = _("lead sources")


class Tag(Lookup):
    """A word put on people to find them again."""

    class Meta(Lookup.Meta):
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
