"""What stands against a start, in words: what forbids it, and what is good to know before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from massmail.models import (
    Delivery,
    EmailAccount,
    MailingOut,
    MassmailSettings,
)
from massmail.services import send_window, words
from massmail.services.blockers import moment
from massmail.views.message_card import MessageCard

COUNT_GAPS_UP_TO = 10_000  # people; above, missing names are not counted on the page
_ACCOUNTS = "admin:massmail_emailaccount_changelist"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding, with the way out if there is one."""

    text: str
    forbids: bool = False
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at.

    `without_account` counts people to whom no account would write, `already_received` those left
    out because they got the message before.
    """

    mailing_out: MailingOut
    message: MessageCard
    accounts: Sequence[EmailAccount]
    without_account: int
    already_received: int
    settings_row: MassmailSettings
    now: datetime


def checks_of(facts: Facts) -> Iterator[Check]:
    """Return all findings (one statement for each variable that may be missing)."""
    yield from _message_checks(facts)
    yield from _account_checks(facts)
    yield from _people_checks(facts)
    yield from _time_checks(facts)


def _message_checks(facts: Facts) -> Iterator[Check]:
    message = facts.mailing_out.message
    if message is None:
        yield Check(_("No message is chosen."), forbids=True, url="#message", link=_("Choose one"))
        return
    url = reverse("admin:massmail_emlmessage_change", args=[message.pk])
    for problem in facts.message.problems:
        yield Check(problem, forbids=True, url=url, link=_("Edit the message"))


def _account_checks(facts: Facts) -> Iterator[Check]:
    on = [account for account in facts.accounts if account.massmail]
    if not on:
        text = _("%(owner)s has no email account that is on.")
        text %= {"owner": facts.mailing_out.owner.get_full_name() or facts.mailing_out.owner}
        yield Check(text, forbids=True, url=reverse(_ACCOUNTS), link=_("Accounts"))
        return
    for account in facts.accounts:
        if not account.massmail:
            reason = words.of_trouble(account.off_reason or words.BY_HAND)
            text = _("%(account)s is off: %(reason)s")
            yield Check(text % {"account": account.name, "reason": reason})
    if all(account.main for account in on):
        yield _only_main(facts)


def _only_main(facts: Facts) -> Check:
    if facts.mailing_out.pending_count == facts.without_account:
        text = _("The main account writes to VIPs only, and nobody here is a VIP.")
        return Check(text, forbids=True, url=reverse(_ACCOUNTS), link=_("Add another account"))
    text = ngettext(
        "There is only the main account, which writes to VIPs: %(number)s person is left out.",
        "There is only the main account, which writes to VIPs: %(number)s people are left out.",
        facts.without_account,
    )
    return Check(text % {"number": intcomma(facts.without_account)})


def _people_checks(facts: Facts) -> Iterator[Check]:
    mailing_out = facts.mailing_out
    if not mailing_out.recipients_number:
        yield Check(_("Nobody is chosen."), forbids=True)
    elif not mailing_out.pending_count:
        # Who already got the message is asked anew at the start: it may be another one by now.
        text = _("Everybody chosen is left out: nobody remains.")
        yield Check(text, forbids=not facts.already_received)
    elif mailing_out.recipients_number <= COUNT_GAPS_UP_TO:
        yield from _gaps(facts)


def _gaps(facts: Facts) -> Iterator[Check]:
    """Yield, for each variable in use that is a text of the recipient, how many lack it."""
    model = facts.mailing_out.recipient_model
    to_send = Delivery.objects.filter(
        mailing_out=facts.mailing_out.pk, status=Delivery.Status.PENDING
    )
    for name in sorted(facts.message.variables & set(model.VARIABLES)):
        try:
            if not isinstance(model._meta.get_field(name), CharField):
                continue
        except FieldDoesNotExist:
            continue
        people = model._default_manager.filter(pk__in=to_send.values("recipient_id"))
        number = people.filter(**{name: ""}).count()
        if number:
            text = ngettext(
                "%(number)s person has no “%(name)s”: what the message says instead is used.",
                "%(number)s people have no “%(name)s”: what the message says instead is used.",
                number,
            )
            yield Check(text % {"number": intcomma(number), "name": model.VARIABLES[name]})


def _time_checks(facts: Facts) -> Iterator[Check]:
    if facts.settings_row.paused_at is not None:
        yield Check(_("All sending is paused at the moment: nothing leaves until that ends."))
    opens_at = send_window.opens_at(facts.settings_row, facts.now)
    if opens_at is not None:
        text = _("Outside the sending hours: the first mail leaves %(when)s.")
        yield Check(text % {"when": moment(opens_at.astimezone(facts.settings_row.zone))})
    not_after = facts.mailing_out.not_after
    if not_after is not None and not_after <= facts.now:
        text = _("“Not after” is over: %(when)s.")
        yield Check(text % {"when": moment(not_after)}, url="#sending")
