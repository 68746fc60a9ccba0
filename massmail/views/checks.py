"""What stands against a start, in words: what forbids it, and what is good to know before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from massmail.models import EmailAccount, MailingOut, MassmailSettings
from massmail.services import checking, send_window, words
from massmail.services.blockers import moment
from massmail.services.checking import Finding
from massmail.views.check_card import CheckCard, CheckState
from massmail.views.message_card import MessageCard

HEAVY_MAIL_BYTES = 2_000_000
_ACCOUNTS = "admin:massmail_emailaccount_changelist"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding, with the way out if there is one."""

    text: str
    forbids: bool = False
    url: str = ""
    link: str = ""
    is_well: bool = False  # neither forbids nor warns: good news
    finding_key: str = ""  # of the people whom it concerns, to see them and to leave them out
    act: str = ""  # "check": the way out is to check everybody

    @property
    def kind(self) -> str:
        """The word for its mark."""
        return "forbids" if self.forbids else "well" if self.is_well else "warns"


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
    audience_check: CheckCard
    settings_row: MassmailSettings
    now: datetime


def checks_of(facts: Facts) -> Iterator[Check]:
    """Return all findings."""
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
    if len(on) == len(facts.accounts):
        text = ngettext("The account is on.", "All %(number)s accounts are on.", len(on))
        yield Check(text % {"number": intcomma(len(on))}, is_well=True)
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
    else:
        yield from _check_state(facts)


def _check_state(facts: Facts) -> Iterator[Check]:
    """Say what the check of every recipient found, or that it has to be made."""
    card = facts.audience_check
    if card.state is CheckState.NONE:
        return
    if card.state is CheckState.RUNNING:
        facts_of = {"done": intcomma(card.checked), "total": intcomma(card.number)}
        text = _("Every mail is being built for a try: %(done)s of %(total)s.") % facts_of
        yield Check(text, forbids=True, act="check" if card.is_late else "")
    elif card.state is CheckState.NOT_YET:
        text = _("It was not tried yet whether everybody's mail can be built.")
        yield Check(text, forbids=True, act="check")
    elif card.state is CheckState.STALE:
        assert card.checked_at is not None
        text = _("Checked %(when)s, before your last change.") % {"when": moment(card.checked_at)}
        yield Check(text, forbids=True, act="check")
    else:
        yield from _findings(card)


def _findings(card: CheckCard) -> Iterator[Check]:
    """Yield what was found about some people, and that all is well with the others."""
    for finding in card.findings:
        if finding.code == checking.SIZE:
            yield from _size(finding)
        else:
            yield _finding(finding, card)
    if not any(finding.code == checking.UNBUILDABLE for finding in card.findings) and card.number:
        text = ngettext(
            "Every mail can be built: %(number)s was tried.",
            "Every mail can be built: %(number)s were tried.",
            card.number,
        )
        yield Check(text % {"number": intcomma(card.number)}, is_well=True)


def _finding(finding: Finding, card: CheckCard) -> Check:
    values = {"number": intcomma(finding.number), "name": finding.name, "why": finding.text}
    if finding.code == checking.MISSING:
        values["name"] = card.labels.get(finding.name, finding.name)
        text = ngettext(
            "%(number)s person has no “%(name)s”: what the message says instead is used.",
            "%(number)s people have no “%(name)s”: what the message says instead is used.",
            finding.number,
        )
    elif finding.code == checking.DELETED:
        text = ngettext(
            "%(number)s person was deleted since and gets nothing.",
            "%(number)s people were deleted since and get nothing.",
            finding.number,
        )
    else:
        text = ngettext(
            "The mail of %(number)s person cannot be built: %(why)s",
            "The mails of %(number)s people cannot be built, the first because: %(why)s",
            finding.number,
        )
    return Check(
        text % values, forbids=finding.code == checking.UNBUILDABLE, finding_key=finding.key
    )


def _size(finding: Finding) -> Iterator[Check]:
    size = filesizeformat(finding.number)
    if finding.number > HEAVY_MAIL_BYTES:
        text = _("The largest mail has %(size)s: some servers refuse such mails. Make it lighter.")
        yield Check(text % {"size": size}, url="#message", link=_("See the message"))


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
