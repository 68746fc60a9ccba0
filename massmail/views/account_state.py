"""The state of an account in words, as lists and pages show it."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from massmail.models import EmailAccount, MassmailSettings
from massmail.services import words
from massmail.services.account_health import Obstacle, hindrance
from massmail.services.blockers import moment


@dataclass(frozen=True, slots=True)
class AccountState:
    """What an account is doing: a word for its mark, a sentence, and the use of its limit."""

    mark: str  # "on", "resting" or "off"
    text: str
    usage: str
    short_usage: str
    reply: str = ""  # the server's own words


def state_of(account: EmailAccount, settings_row: MassmailSettings, now: datetime) -> AccountState:
    """Describe an account at this moment. Pure."""
    mark, text = _words(account, settings_row, now)
    return AccountState(
        mark=mark,
        text=text,
        usage=usage(account, settings_row, now),
        short_usage=short_usage(account, settings_row, now),
        reply=account.trouble_reply if mark != "on" or account.cooling_count else "",
    )


def usage(account: EmailAccount, settings_row: MassmailSettings, now: datetime) -> str:
    """Say how much of today's limit is used."""
    today = settings_row.local_date(now)
    used, limit = account.used_on(today), account.effective_daily_limit(settings_row)
    if limit is None:
        text = ngettext("%(used)s today, no limit", "%(used)s today, no limit", used)
        return text % {"used": intcomma(used)}
    facts = {"used": intcomma(used), "limit": intcomma(limit), "left": max(0, limit - used)}
    return _("%(used)s of %(limit)s today, %(left)s left") % facts


def short_usage(account: EmailAccount, settings_row: MassmailSettings, now: datetime) -> str:
    """Say the same in a column of its own."""
    used = intcomma(account.used_on(settings_row.local_date(now)))
    limit = account.effective_daily_limit(settings_row)
    if limit is None:
        return str(used)
    return _("%(used)s of %(limit)s") % {"used": used, "limit": intcomma(limit)}


def _words(account: EmailAccount, settings_row: MassmailSettings, now: datetime) -> tuple[str, str]:
    found = hindrance(account, settings_row, now)
    if found is None or found.obstacle is Obstacle.GAP:
        return "on", _("working")
    if found.obstacle is Obstacle.OFF:
        reason = words.of_trouble(account.off_reason or words.BY_HAND)
        return "off", _("off: %(reason)s") % {"reason": reason}
    until = moment(found.until) if found.until else ""
    if found.obstacle is Obstacle.LIMIT:
        return "resting", _("today's limit is used; it goes on %(when)s") % {"when": until}
    reason = words.of_trouble(account.cooling_reason)
    return "resting", _("rests until %(when)s: %(reason)s") % {"when": until, "reason": reason}
