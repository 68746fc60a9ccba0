"""What troubles are called on the pages: short, plain, and what to do; and when things will be."""

from datetime import datetime

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

BY_HAND = "by hand"  # why an account is off that a person switched off
KEY = "key"  # why an account cannot be tried whose secrets are encrypted with a lost key

_TROUBLES: dict[str, Promise] = {
    "credentials": _("The server refused the login or the password. Enter them again."),
    "sender refused": _("The server does not let this account send as its From address."),
    "TLS": _("A safe connection could not be made: TLS failed or is not offered."),
    "capability": _("The server lacks something that the account needs, such as a login."),
    "forbidden host": _("This host or port is not allowed here. Ask an administrator."),
    "unreachable": _("The server could not be reached."),
    "stalled": _("The server let us wait too long."),
    "unreadable reply": _("The server's answers could not be understood."),
    "service closing": _("The server closed the connection: it is busy or restarting."),
    "greeting refused": _("The server did not welcome us."),
    "temporary login failure": _("The server could not check the login just now."),
    "throttled": _("The server asked for fewer mails."),
    "account quota": _("The provider's own limit for this account is reached."),
    "complaints": _("The provider holds mail back because people complained about it."),
    "permanently deferred": _("The provider takes no more mail from this sender."),
    "authentication": _("The sender's domain lacks SPF, DKIM or DMARC. Ask who runs the domain."),
    "listed": _("The server says that our address is on a block list."),
    "protocol fault": _("The server rejected a command."),
    "reconnect": _("The permission to send with this account has ended. Connect it again."),
    "identity provider": _("The provider's sign-in service did not let us in just now."),
    "configuration": _("This installation is not set up for the account. Ask an administrator."),
    "stopped": _("Sending was stopped."),
    KEY: _(
        "The password cannot be read: it was encrypted with another key. Ask an operator, or enter"
        " it again."
    ),
    BY_HAND: _("It was switched off by hand."),
}


# Of one mail to one address, as its sender sees it who waits for it.
_REFUSALS: dict[str, Promise] = {
    "no such address": _("The server says that this address does not exist."),
    "address refused": _("The server refuses this address."),
    "domain": _("The server says that this address has no domain that takes mail."),
    "inactive": _("The server says that this mailbox is not in use."),
    "directory edge": _("The server refuses this address."),
    "mailbox full": _("This mailbox is full. Try again later."),
    "greylisted": _("The server takes mail from new senders on the second try. Wait some minutes."),
    "routing": _("The server found no way to this address. Try again later."),
    "expired": _("Nobody took the mail for this address in time."),
    "smtputf8": _("The server cannot write to this address."),
    "temporary refusal": _("The server refused the mail for the time being. Try again later."),
    "policy": _("The server distrusts this sender. Read its reply, and ask your provider."),
    "authentication": _("The sender's domain lacks SPF, DKIM or DMARC. Ask who runs the domain."),
    "content": _("The server takes this message for spam. Change it."),
    "too large": _("The mail is too large for the server. Use smaller pictures and files."),
    "in doubt": _("The connection broke before the answer: the mail may have arrived or not."),
}


def of_refusal(why: str) -> str:
    """Return the sentence for the `why` of a mail that was not taken, in the active language."""
    return str(_REFUSALS.get(why) or of_trouble(why))


def of_trouble(why: str) -> str:
    """Return the sentence for the `why` of an account's trouble, in the active language."""
    return str(_TROUBLES.get(why, why))


def day_of(when: datetime, now: datetime) -> str:
    """Return a moment to come roughly: the time today, else the day, with the year if another."""
    local, today = timezone.localtime(when), timezone.localtime(now)
    if local.date() == today.date():
        return gettext("today %(time)s") % {"time": formats.time_format(local, "TIME_FORMAT")}
    if local.year == today.year:
        return formats.date_format(local, pgettext("format of a day", "D j M"))
    return formats.date_format(local, pgettext("format of a day with its year", "D j M Y"))


def moment_of(when: datetime, now: datetime) -> str:
    """Return a moment with its zone: the time alone if it is today."""
    local = timezone.localtime(when)
    if local.date() == timezone.localtime(now).date():
        return f"{formats.time_format(local, 'TIME_FORMAT')} {local:%Z}"
    return f"{formats.date_format(local, 'SHORT_DATETIME_FORMAT')} {local:%Z}"
