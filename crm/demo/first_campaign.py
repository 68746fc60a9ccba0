"""What `manage.py demo` puts into an installation: owners, accounts, people, a first campaign."""

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet

from common.models import Department
from crm.demo import accounts, showcase
from crm.demo.newsletter import add_newsletter
from crm.demo.people import Assignment, add_contacts, add_leads
from crm.models import Contact
from massmail.models import EmailAccount, MailingOut, MassContact, Suppression

SUPERUSER, OWNER, COLLEAGUE = "demo", "demo-maria", "demo-oleg"
USERS = (SUPERUSER, OWNER, COLLEAGUE)
DEPARTMENT = "Global sales"
PEOPLE, COLLEAGUES_PEOPLE, LEADS, VIPS = 300, 120, 60, 3
PER_SECOND = 20  # mails an account, so that there is something to watch


def find() -> MailingOut | None:
    """Return the first campaign, None before the demo has run here."""
    return MailingOut.objects.filter(owner__username=OWNER).order_by("pk").first()


def show_more(first: MailingOut, *, password: str, mailbox_port: int) -> None:
    """Add what else there is to see; its mailing outs begin after the first one."""
    colleague = User.objects.get(username=COLLEAGUE)
    showcase.add(first, colleague=colleague, mailbox_port=mailbox_port)
    set_passwords(password)


def create(*, password: str, mailbox_port: int) -> MailingOut:
    """Add users, accounts, people and a message, and start a campaign to 300 of them.

    Needs what `setupdata` writes. All of it or nothing.
    """
    with transaction.atomic():
        department = Department.objects.get(name=DEPARTMENT)
        owner, colleague = _add_users(password, department)
        main = _add_accounts(owner, colleague, department, port=mailbox_port)
        add_contacts(PEOPLE, Assignment(owner, department))
        add_contacts(COLLEAGUES_PEOPLE, Assignment(colleague, department, first_company=PEOPLE))
        add_leads(LEADS, Assignment(owner, department))
        people = Contact.objects.filter(owner=owner).order_by("pk")
        _make_vips(people[:VIPS], main)
        _make_flawed(list(people[VIPS:]))
        message = add_newsletter(owner, department)
        mailing_out = MailingOut.objects.create_for(
            people, owner=owner, message=message, name="Spring news"
        )
        mailing_out.start()
    return mailing_out


def stored_mailbox_port() -> int | None:
    """Return the port that the demo's accounts send to, None before there are any."""
    return _demo_accounts().values_list("email_port", flat=True).first()


def move_accounts(*, mailbox_port: int) -> None:
    """Let the demo's accounts send to the mailbox where it listens now."""
    _demo_accounts().update(email_port=mailbox_port)


def set_passwords(password: str) -> None:
    """Give the demo's users this password."""
    for user in User.objects.filter(username__in=[*USERS, *showcase.ROLES]):
        user.set_password(password)
        user.save(update_fields=["password"])


def _demo_accounts() -> QuerySet[EmailAccount]:
    return EmailAccount.objects.filter(owner__username__in=USERS, email_host=accounts.HOST)


def _add_users(password: str, department: Department) -> tuple[User, User]:
    User.objects.create_superuser(SUPERUSER, f"{SUPERUSER}@lantern.example.com")
    owner = _add_manager(OWNER, "Maria", "Lantern", department)
    colleague = _add_manager(COLLEAGUE, "Oleg", "Маяк", department)
    set_passwords(password)
    return owner, colleague


def _add_manager(username: str, first_name: str, last_name: str, department: Department) -> User:
    user = User.objects.create(
        username=username,
        first_name=first_name,
        last_name=last_name,
        email=f"{username}@lantern.example.com",
        is_staff=True,
    )
    user.groups.set([department, *Group.objects.filter(name__in=["managers", "co-workers"])])
    return user


def _add_accounts(
    owner: User, colleague: User, department: Department, *, port: int
) -> EmailAccount:
    """Add one account of the owner, one that the colleague shares, and the owner's main one."""
    for user, name, is_shared in ((owner, "Sales", False), (colleague, "Office", True)):
        accounts.add_account(
            user,
            department,
            from_email=f"Lantern {name} <{name.lower()}@lantern.example.com>",
            port=port,
            shared=is_shared,
            per_second=PER_SECOND,
        )
    return accounts.add_account(
        owner,
        department,
        from_email="Maria Lantern <maria@lantern.example.com>",
        port=port,
        main=True,
    )


def _make_vips(people: QuerySet[Contact], main: EmailAccount) -> None:
    """Let the main account write to these."""
    for contact in people:
        MassContact.objects.create(content_object=contact, email_account=main)


def _make_flawed(people: list[Contact]) -> None:
    """Make some of them people who are left out, for each reason that there is."""
    for contact in people[::40]:
        contact.email = "ask at the reception"
    for contact, other in zip(people[5::40], people[6::40], strict=False):
        contact.email = f"{other.email}, {contact.email}"
    for contact in people[10::40]:
        contact.massmail = False
    for contact in people[15::80]:
        contact.disqualified = True
    for contact in people:
        contact.save(update_fields=["email", "massmail", "disqualified"])
    Suppression.objects.bulk_create(
        Suppression(
            address_key=contact.address_key or "",
            kind=Suppression.Kind.BOUNCED,
            source="550 5.1.1 no such mailbox",
        )
        for contact in people[20::80]
    )
