"""A contact: a person at a company."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import OwnedQuerySet
from crm.models.base_contact import BaseContact
from crm.models.base_counterparty import BaseCounterparty
from crm.models.company import Company
from massmail.models import RecipientFilter


class ContactQuerySet(OwnedQuerySet["Contact"]):
    pass


class Contact(BaseContact, BaseCounterparty):
    """A person at a company; industry and type are those of the company."""

    VARIABLES: ClassVar[dict[str, Any]] = {
        **BaseContact.NAME_VARIABLES,
        "company": _("company"),
    }
    FILTERS: ClassVar[tuple[RecipientFilter, ...]] = (
        RecipientFilter("company__industry", _("industry")),
        RecipientFilter("country", _("country")),
        RecipientFilter("company__type", _("type")),
        RecipientFilter("tags", _("tag")),
    )
    RELATED: ClassVar[tuple[str, ...]] = ("company",)
    GOT_WORD: ClassVar[str] = "contacts"

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="contacts", verbose_name=_("company")
    )

    objects = ContactQuerySet.as_manager()

    class Meta(BaseCounterparty.Meta):
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def get_variables(self) -> dict[str, str]:
        return {**self.name_variables(), "company": self.company.full_name}
