"""What troubles are called on the pages: short, plain, and what to do."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

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
    "listed": _("The server says that our address is on a block list."),
    "protocol fault": _("The server rejected a command."),
    "stopped": _("Sending was stopped."),
    "by hand": _("It was switched off by hand."),
}


def of_trouble(why: str) -> str:
    """Return the sentence for the `why` of an account's trouble, in the active language."""
    return str(_TROUBLES.get(why, why))
