"""The checklist of the first page: what leads somebody to a first campaign of their own."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from massmail.models import EmailAccount, EmlMessage, MailingOut

OVER = (MailingOut.Status.DONE, MailingOut.Status.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the checklist."""

    text: str
    url: str
    is_done: bool


def is_to_come(user: User) -> bool:
    """Tell whether the user may mail and has never finished a campaign; for operators nobody has.

    What colleagues have done teaches nobody where to begin.
    """
    if not user.has_perm("massmail.add_mailingout"):
        return False
    over = MailingOut.objects.filter(status__in=OVER)
    return not (over if user.is_superuser else over.filter(owner=user)).exists()


def steps_of(user: User) -> list[Step]:
    """Return what leads to a first campaign, ticked as far as the user has done it."""
    accounts = EmailAccount.objects.usable_by(user)
    connected = list(accounts.values_list("owner_id", "co_owner_id", "today_date")[:50])
    message = EmlMessage.objects.filter(owner=user).order_by("-pk").first()
    drafts = list(MailingOut.objects.filter(owner=user).order_by("-pk")[:50])
    choose, people = reverse("select_recipient_type"), [each for each in drafts if _has(each)]
    written = _page_of(message) if message else reverse("admin:massmail_emlmessage_add")
    add_account = reverse("admin:massmail_emailaccount_add")
    accounts_list = reverse("admin:massmail_emailaccount_changelist")
    return [
        Step(
            _("Connect an email account"),
            accounts_list if connected else add_account,
            bool(connected),
        ),
        Step(_("Write a message"), written, message is not None),
        Step(_("Pick people"), _page_of(people[0]) if people else choose, bool(people)),
        Step(
            _("Send yourself a test"),
            f"{written}#send-test" if message else written,
            any(day and user.pk in owners for *owners, day in connected),
        ),
        Step(
            _("Start"),
            f"{_page_of(drafts[0])}#start" if drafts else choose,
            any(each.started_at for each in drafts),
        ),
    ]


def _has(mailing_out: MailingOut) -> bool:
    return mailing_out.recipients_number > 0


def _page_of(row: EmlMessage | MailingOut) -> str:
    return reverse(f"admin:massmail_{row._meta.model_name}_change", args=[row.pk])
