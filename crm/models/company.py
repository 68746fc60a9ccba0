"""A company."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.models import OwnedQuerySet
from crm import salutations
from crm.models.base_counterparty import BaseCounterparty
from crm.models.lookups import ClientType, Industry
from massmail.models import RecipientFilter


class CompanyQuerySet(OwnedQuerySet["Company"]):
    pass


class Company(BaseCounterparty):
    """A company, written to at its own address; its people are contacts."""

    VARIABLES: ClassVar[dict[str, Any]] = {"full_name": _("full name")}
    FILTERS: ClassVar[tuple[RecipientFilter, ...]] = (
        RecipientFilter("industry", _("industry")),
        RecipientFilter("country", _("country")),
        RecipientFilter("type", _("type")),
        RecipientFilter("tags", _("tag")),
    )

    GIVEN_ALONG: ClassVar[tuple[str, ...]] = ("contacts",)
    SEARCH_FIELDS: ClassVar[tuple[str, ...]] = ("full_name",)

    full_name = models.CharField(_("full name"), max_length=200)
    type = models.ForeignKey(
        ClientType, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("type")
    )
    industry = models.ManyToManyField(Industry, blank=True, verbose_name=_("industries"))

    objects = CompanyQuerySet.as_manager()

    class Meta(BaseCounterparty.Meta):
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        constraints = [
            models.UniqueConstraint(
                fields=["full_name", "country"],
                name="one_company_per_country",
                violation_error_message=_("There is a company of this name in this country."),
            ),
            models.UniqueConstraint(  # without a country the other one would allow any number
                fields=["full_name"],
                condition=Q(country=None),
                name="one_company_without_country",
                violation_error_message=_("There is a company of this name without a country."),
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def salutation(self) -> str:
        """A greeting of whoever reads the company's mail."""
        return salutations.of_company(self.written_language)

    def get_variables(self) -> dict[str, str]:
        return {"full_name": self.full_name}
