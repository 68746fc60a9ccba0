"""A lead: a person who may become a customer."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import OwnedQuerySet
from crm.models.base_contact import BaseContact
from crm.models.base_counterparty import BaseCounterparty
from crm.models.lookups import ClientType, Industry
from massmail.models import RecipientFilter


class LeadQuerySet(OwnedQuerySet["Lead"]):
    pass


class Lead(BaseContact, BaseCounterparty):
    """A person whose company we know by name only."""

    VARIABLES: ClassVar[dict[str, Any]] = {
        **BaseContact.NAME_VARIABLES,
        "company_name": _("company"),
    }
    FILTERS: ClassVar[tuple[RecipientFilter, ...]] = (
        RecipientFilter("industry", _("industry")),
        RecipientFilter("country", _("country")),
        RecipientFilter("type", _("type")),
        RecipientFilter("tags", _("tag")),
        RecipientFilter("lead_source", _("lead source")),
    )
    GOT_WORD: ClassVar[str] = "leads"

    company_name = models.CharField(_("company"), max_length=200, blank=True)
    type = models.ForeignKey(
        ClientType, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("type")
    )
    industry = models.ManyToManyField(Industry, blank=True, verbose_name=_("industries"))

    objects = LeadQuerySet.as_manager()

    class Meta(BaseCounterparty.Meta):
        verbose_name = _("lead")
        verbose_name_plural = _("leads")

    def get_variables(self) -> dict[str, str]:
        return {**self.name_variables(), "company_name": self.company_name}
