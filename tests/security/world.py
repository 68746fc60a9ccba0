"""A small installation as one person meets it: own objects, a colleague's, a stranger's."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from common.models import Department
from crm.models import ClientType, LeadSource
from crm.services.installation import install_groups
from massmail.models import (
    EmlAccountsQueue,
    MailingOut,
    MassContact,
    MassmailSettings,
    MessageVersion,
    Suppression,
)
from tests.factories import (
    CityFactory,
    CompanyFactory,
    ContactFactory,
    DepartmentFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    IndustryFactory,
    LeadFactory,
    PictureFactory,
    SignatureFactory,
    TagFactory,
    UserFactory,
    red_square,
)
from tests.guests.models import Guest
from tests.security.rights import Relation


@dataclass
class World:
    """Whatever an address may name: by whose it is, or without an owner."""

    user: User
    owned: dict[Relation, dict[str, Any]] = field(default_factory=dict)  # model name -> object
    ownerless: dict[str, Any] = field(default_factory=dict)

    def object(self, model: str, relation: Relation) -> Any:
        """Return an object of a model that is whose it should be."""
        return self.ownerless.get(model) or self.owned[relation][model]


def make_world(role: str) -> World:
    """Make the person of a role, in a department, and everything around."""
    install_groups()
    MassmailSettings.load()
    department, other = DepartmentFactory.create(), DepartmentFactory.create()
    user = UserFactory.create(username="me", is_superuser=role == "superuser")
    user.groups.set([department])
    if role != "superuser":
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    managers = Group.objects.get(name="managers")
    colleague = UserFactory.create(username="colleague", departments=[department, managers])
    stranger = UserFactory.create(username="stranger", departments=[other, managers])
    world = World(User.objects.get(pk=user.pk))
    world.ownerless = _ownerless()
    for relation, owner, theirs in (
        (Relation.OWN, world.user, department),
        (Relation.DEPARTMENT, colleague, department),
        (Relation.FOREIGN, stranger, other),
    ):
        world.owned[relation] = _objects_of(owner, theirs)
    version = MessageVersion.objects.order_by("pk")[0]
    world.ownerless["versionfile"] = version.files.create(
        role="image",
        name="a.png",
        content_type="image/png",
        data=red_square(),
        public_id=uuid.uuid4(),
    )
    world.ownerless["emlaccountsqueue"] = EmlAccountsQueue.objects.get_or_create(owner=colleague)[0]
    world.ownerless["masscontact"] = MassContact.objects.order_by("pk")[0]
    return world


def _objects_of(owner: User, department: Department) -> dict[str, Model]:
    mine = {"owner": owner, "department": department}
    company = CompanyFactory.create(**mine)
    account = EmailAccountFactory.create(shared=True, **mine)
    contact = ContactFactory.create(company=company, **mine)
    message = EmlMessageFactory.create(**mine)
    mailing_out = MailingOut.objects.create_for(
        type(contact).objects.filter(pk=contact.pk), owner=owner, message=message, name="Spring"
    )
    MailingOut.objects.filter(pk=mailing_out.pk).update(department=department)
    mailing_out.refresh_from_db()
    mailing_out.start()
    return {
        "company": company,
        "contact": contact,
        "lead": LeadFactory.create(**mine),
        "guest": Guest.objects.create(guest_name="Zoë", email="guest@example.com", **mine),
        "emailaccount": account,
        "picture": PictureFactory.create(**mine),
        "signature": SignatureFactory.create(**mine),
        "emlmessage": message,
        "mailingout": mailing_out,
        "delivery": mailing_out.deliveries.get(),
    }


def _ownerless() -> dict[str, Any]:
    city = CityFactory.create()
    return {
        "city": city,
        "country": city.country,
        "clienttype": ClientType.objects.create(name="Dealer"),
        "industry": IndustryFactory.create(),
        "leadsource": LeadSource.objects.create(name="Fair"),
        "tag": TagFactory.create(),
        "department": DepartmentFactory.create(),
        "group": Group.objects.create(name="some group"),
        "user": UserFactory.create(username="somebody"),
        "suppression": Suppression.objects.create(
            address_key="a@example.com", kind=Suppression.Kind.MANUAL
        ),
        "massmailsettings": MassmailSettings.load(),
        "contenttype": ContentType.objects.get_for_model(Group),
    }
