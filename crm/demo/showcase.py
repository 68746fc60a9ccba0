"""What the demo shows besides its first campaign: other roles, a draft, failures, a mailbox."""

from importlib import resources
from string import Template

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from common.models import Department
from crm.demo import accounts
from crm.demo.mailbox import GONE, LOST
from crm.demo.newsletter import add_banner
from crm.models import Contact, Lead, Tag
from massmail.models import EmailAccount, EmlMessage, MailingOut, MassContact

# Name of a user, and the groups besides the department's and co-workers.
ROLES = {
    "demo-otto": ("Otto", "Operator", ("operators",)),
    "demo-sara": ("Sara", "Superoperator", ("superoperators",)),
    "demo-chiara": ("Chiara", "Chief", ("chiefs",)),
}
PERSONAL = 40  # people whom a mailbox writes to, one at a time
WITHOUT_NAME = 14
_FILES = resources.files("crm.demo") / "files"


@transaction.atomic
def add(first: MailingOut, *, colleague: User, mailbox_port: int) -> None:
    """Add it beside the first campaign. The users have no password yet."""
    department = first.department
    assert department is not None
    for username, (first_name, last_name, groups) in ROLES.items():
        _add_user(username, first_name, last_name, [department.name, "co-workers", *groups])
    contacts = Contact.objects.filter(owner=first.owner).order_by("pk")
    _tag(list(contacts[:120]))
    _add_refused_account(first.owner, department, port=mailbox_port)
    _start_with_failures(first.owner)
    _start_by_hand(colleague, department, port=mailbox_port)
    _add_draft(first.owner, department)


def _add_user(username: str, first_name: str, last_name: str, groups: list[str]) -> None:
    user = User.objects.create(
        username=username,
        first_name=first_name,
        last_name=last_name,
        email=f"{username}@lantern.example.com",
        is_staff=True,
    )
    user.groups.set(Group.objects.filter(name__in=groups))


def _tag(people: list[Contact]) -> None:
    """Put some at a fair and some into a newsletter, and take the names of a few."""
    for number, (name, step) in enumerate((("Spring fair", 2), ("Price list", 3))):
        tag = Tag.objects.create(name=name)
        tag.contact_set.set(people[number::step])
    for contact in people[4 : 4 + 2 * WITHOUT_NAME : 2]:
        contact.first_name = ""
        contact.save(update_fields=["first_name"])


def _add_refused_account(owner: User, department: Department, *, port: int) -> None:
    """Add an account that the server let in no more."""
    accounts.add_account(
        owner,
        department,
        from_email="Lantern Events <events@lantern.example.com>",
        port=port,
        massmail=False,
        off_reason="credentials",
        off_at=timezone.now(),
        trouble_reply="535 5.7.8 Authentication failed: the password has expired",
    )


def _start_with_failures(owner: User) -> None:
    """Write to the leads, some of whom are gone; of one the answer is lost."""
    leads = list(Lead.objects.filter(owner=owner).order_by("pk"))
    for number, lead in enumerate(leads):
        if number % 12 == 0:
            lead.email = (GONE if number else LOST) + lead.email
            lead.save()
    message = _message(
        owner, "A lantern for your house?", "We have one to try. Answer, and it is on its way."
    )
    mailing_out = MailingOut.objects.create_for(
        Lead.objects.filter(owner=owner), owner=owner, message=message, name="First contact"
    )
    mailing_out.start()


def _start_by_hand(colleague: User, department: Department, *, port: int) -> None:
    """Write to a colleague's own people from their mailbox, at a human pace."""
    mailbox = accounts.add_account(
        colleague,
        department,
        from_email=f"{colleague.get_full_name()} <oleg@lantern.example.com>",
        port=port,
        main=True,
    )
    EmailAccount.objects.filter(pk=mailbox.pk).update(
        kind=EmailAccount.Kind.MAILBOX, daily_limit=None
    )
    people = Contact.objects.filter(owner=colleague).order_by("pk")[:PERSONAL]
    for contact in people:
        MassContact.objects.create(content_object=contact, email_account=mailbox)
    message = _message(
        colleague, "Coffee at our stand?", "We are at the spring fair, hall 3. Will you come?"
    )
    mailing_out = MailingOut.objects.create_for(
        people, owner=colleague, message=message, name="Invitations to the fair"
    )
    mailing_out.start()


def _add_draft(owner: User, department: Department) -> None:
    """Prepare a campaign to a tag; the check finds people whose first name it needs."""
    picture = add_banner(owner)
    content = _letter(
        "letter_with_picture.html",
        picture=picture.tag,
        sentence="the evenings grow longer, {{ first_name }}. Our autumn lights are here.",
        name="Maria",
    )
    message = EmlMessage.objects.create(
        owner=owner,
        department=department,
        subject="Autumn lights, {{ first_name }}",
        preheader="Early orders until the end of the month.",
        content=content,
    )
    MailingOut.objects.create_for(
        Contact.objects.filter(owner=owner, tags__name="Spring fair"),
        owner=owner,
        message=message,
        name="Autumn lights",
    )


def _message(owner: User, subject: str, sentence: str) -> EmlMessage:
    department = Department.objects.of(owner).order_by("pk").first()
    content = _letter("letter.html", sentence=sentence, name=owner.first_name)
    return EmlMessage.objects.create(
        owner=owner, department=department, subject=subject, content=content
    )


def _letter(file: str, **parts: str) -> str:
    """Return the content of a message, with these parts filled in."""
    return Template((_FILES / file).read_text("utf-8")).substitute(parts).strip()
