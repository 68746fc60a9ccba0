"""What the mailing out itself has to do with it: its state, its times, who paused it and why."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from massmail.models import MailingOut
from massmail.services.blocker import Blocker, moment

State = MailingOut.State

_PREPARING: dict[str, Promise] = {
    MailingOut.Preparing.AUDIENCE: gettext_lazy(
        "Its people are being written down; it can be started after that."
    ),
    MailingOut.Preparing.START: gettext_lazy("Its start is being made; mails leave after that."),
}
_PAUSED: dict[str, Promise] = {
    MailingOut.PauseReason.BY_HAND: gettext_lazy("It is paused. Resume it to go on."),
    MailingOut.PauseReason.POLICY: gettext_lazy(
        "It is paused: the servers refuse this message or its sender. Read what they replied,"
        " mend the cause, then resume."
    ),
    MailingOut.PauseReason.OWNER_DEACTIVATED: gettext_lazy(
        "It is paused: its owner is deactivated. Give it to somebody else, then resume."
    ),
    MailingOut.PauseReason.TROUBLE: gettext_lazy(
        "It is paused: the message cannot be built. Correct it, then resume."
    ),
}
_RUNNING = (State.RUNNING, State.RUNNING_WITH_ERRORS)


def deciding(mailing_out: MailingOut, now: datetime) -> Iterator[Blocker]:
    """Yield why it sends nothing whatever its accounts and workers do; nothing if it runs."""
    state = mailing_out.state_at(now)
    if state is State.PREPARING:
        yield Blocker(state.value, str(_PREPARING[mailing_out.preparing]))
    elif state is State.DRAFT:
        yield Blocker(state.value, _("It is a draft: it was not started yet."))
    elif state is State.SCHEDULED and mailing_out.start_at:
        text = _("It starts at %(when)s.") % {"when": moment(mailing_out.start_at)}
        yield Blocker(state.value, text, mailing_out.start_at)
    elif state is State.PAUSED:
        yield Blocker(state.value, _pause_text(mailing_out))
        yield from _on_the_wire(mailing_out)
    elif state is State.CANCELLED:
        yield Blocker(state.value, _("It was cancelled."))
        yield from _on_the_wire(mailing_out)
    elif state is State.DONE:
        yield Blocker(state.value, _("It is done."))
        yield from _left_over(mailing_out)
    elif state in _RUNNING:
        yield from _about_to_end(mailing_out, now)


def _pause_text(mailing_out: MailingOut) -> str:
    by = mailing_out.paused_by
    if by is not None:
        text = _("It was paused by %(who)s. Resume it to go on.")
        return text % {"who": by.get_full_name() or by.username}
    return str(_PAUSED[mailing_out.pause_reason or MailingOut.PauseReason.BY_HAND])


def _on_the_wire(mailing_out: MailingOut) -> Iterator[Blocker]:
    if number := mailing_out.in_flight_count:
        text = ngettext(
            "%(number)s mail was on the wire and may still leave.",
            "%(number)s mails were on the wire and may still leave.",
            number,
        )
        yield Blocker("on_the_wire", text % {"number": intcomma(number)})


def _left_over(mailing_out: MailingOut) -> Iterator[Blocker]:
    """Yield what is done, but did not go well."""
    if number := mailing_out.uncertain_count:
        text = ngettext(
            "%(number)s mail may or may not have arrived. Decide: count it as sent, or send it"
            " again.",
            "%(number)s mails may or may not have arrived. Decide: count them as sent, or send them"
            " again.",
            number,
        )
        yield Blocker("uncertain", text % {"number": intcomma(number)})
    if number := mailing_out.failed_count:
        text = ngettext(
            "%(number)s mail failed. It can be tried again.",
            "%(number)s mails failed. They can be tried again.",
            number,
        )
        yield Blocker("failed", text % {"number": intcomma(number)})


def _about_to_end(mailing_out: MailingOut, now: datetime) -> Iterator[Blocker]:
    """Yield what the next tick ends, though it still runs."""
    if mailing_out.not_after is not None and mailing_out.not_after <= now:
        text = _("Its last moment was %(when)s: what was not sent by then expires.")
        yield Blocker("expired", text % {"when": moment(mailing_out.not_after)})
    elif not mailing_out.owner.is_active:
        yield Blocker("owner_deactivated", _("Its owner is deactivated: it is about to be paused."))
