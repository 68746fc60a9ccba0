"""The audience: companies, contacts and leads, and the lookups that segment them."""

from crm.models.company import Company
from crm.models.contact import Contact
from crm.models.lead import Lead
from crm.models.lookups import City, ClientType, Country, Industry, LeadSource, Tag

__all__ = [
    "City",
    "ClientType",
    "Company",
    "Contact",
    "Country",
    "Industry",
    "Lead",
    "LeadSource",
    "Tag",
]
