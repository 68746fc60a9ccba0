"""The four people of access tests, with what the owner has."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission, User
from django.db.models import QuerySet

from common.models import Department
from crm.models import Company, Contact
from massmail.models import EmailAccount, EmlMessage, MailingOut
from tests.factories import (
    CompanyFactory,
    ContactFactory,
    DepartmentFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    SuperuserFactory,
    UserFactory,
)

MODELS = (
    *("emailaccount", "emlmessage", "mailingout", "picture", "signature"),
    *("contact", "company", "lead", "guest"),
)


@dataclass
class Cast:
    """A superuser, the owner, a colleague of the department, and a stranger; all but one staff
    with the permissions of managers.
    """

    department: Department
    superuser: User
    owner: User
    colleague: User
    stranger: User

    def account(self, **values) -> EmailAccount:
        return EmailAccountFactory.create(owner=self.owner, department=self.department, **values)

    def message(self, **values) -> EmlMessage:
        return EmlMessageFactory.create(owner=self.owner, department=self.department, **values)

    def company(self) -> Company:
        return CompanyFactory.create(owner=self.owner, department=self.department)

    def contacts(self, number: int, **values) -> QuerySet[Contact]:
        company = self.company()
        made = [
            ContactFactory.create(
                owner=self.owner, department=self.department, company=company, **values
            )
            for _ in range(number)
        ]
        return Contact.objects.filter(pk__in=[contact.pk for contact in made])

    def draft(self, number: int = 3, **values) -> MailingOut:
        values = {"message": values.pop("message", None) or self.message(), **values}
        draft = MailingOut.objects.create_for(
            self.contacts(number), owner=self.owner, **{"name": "Spring offer", **values}
        )
        MailingOut.objects.filter(pk=draft.pk).update(department=self.department)
        draft.refresh_from_db()
        return draft

    def started(self, number: int = 3, **values) -> MailingOut:
        if not EmailAccount.objects.filter(owner=self.owner).exists():
            self.account()
        mailing_out = self.draft(number, **values)
        mailing_out.start()
        return mailing_out


def make_cast() -> Cast:
    """Make the four people."""
    managers = Group.objects.create(name="managers")
    managers.permissions.set(Permission.objects.filter(content_type__model__in=MODELS))
    department, other = DepartmentFactory.create(), DepartmentFactory.create()
    return Cast(
        department=department,
        superuser=SuperuserFactory.create(username="superuser"),
        owner=UserFactory.create(username="owner", departments=[department, managers]),
        colleague=UserFactory.create(username="colleague", departments=[department, managers]),
        stranger=UserFactory.create(username="stranger", departments=[other, managers]),
    )
