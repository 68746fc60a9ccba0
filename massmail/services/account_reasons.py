"""What accounts have to do with it: off, resting, at their limit, unreadable, slower than usual.

Of many accounts with the same trouble the first few are named and the others counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.fields import SecretUnreadable
from massmail.models import EmailAccount
from massmail.services import pace, words
from massmail.services.account_health import Hindrance, Obstacle
from massmail.services.blocker import Blocker, moment
from massmail.services.resting import RestingDomain
from massmail.services.scene import Waiting

NAMED = 5  # accounts of one trouble; the others are counted
READ = 50  # accounts whose secrets are tried: a lost key is lost for all
SECRETS = ("email_host_password", "email_app_password", "refresh_token")

OFF, COOLING, LIMIT, GAP = "account_off", "cooling", "limit", "gap"
RETRY, DOMAIN, KEY, SLOWED = "retry", "domain", "key", "slowed"
LASTING = frozenset({OFF, COOLING, LIMIT, DOMAIN, KEY, SLOWED})  # said also while mails leave

CODES = {
    Obstacle.OFF: OFF,
    Obstacle.COOLING: COOLING,
    Obstacle.LIMIT: LIMIT,
    Obstacle.GAP: GAP,
}


def of_accounts(
    waiting: Iterable[Waiting], now: datetime, *, only: frozenset[str] | None = None
) -> Iterator[Blocker]:
    """Yield what keeps each account from sending, by trouble; `only` those with these codes."""
    troubled: dict[str, list[Waiting]] = {}
    for place, each in enumerate(waiting):
        code = _code(each, now, tries_key=place < READ)
        if code and (only is None or code in only):
            troubled.setdefault(code, []).append(each)
    for code, rows in troubled.items():
        for each in rows[:NAMED]:
            yield _reason(code, each, now)
        if len(rows) > NAMED:
            yield _others(code, rows[NAMED:])


def is_readable(account: EmailAccount) -> bool:
    """Tell whether this installation's keys read the account's secrets."""
    try:
        for name in SECRETS:
            getattr(account, name)
    except SecretUnreadable:
        return False
    return True


def _code(each: Waiting, now: datetime, *, tries_key: bool) -> str:
    """Return what keeps an account from sending; "" if nothing does."""
    if each.hindrance is not None:
        return CODES[each.hindrance.obstacle]
    if each.due_at is not None and each.due_at > now:
        return DOMAIN if each.resting else RETRY
    if tries_key and not is_readable(each.account):
        return KEY
    return SLOWED if pace.is_slowed(each.account, now) else ""


def _reason(code: str, each: Waiting, now: datetime) -> Blocker:
    if each.hindrance is not None:
        return _hindered(each, each.hindrance)
    if each.resting is not None:
        return _resting_domain(each, each.resting)
    if code == RETRY:
        return _retry(each)
    if code == KEY:
        text = _(
            "The password of %(account)s cannot be read: this installation has another"
            " encryption key. Ask an operator."
        )
        return Blocker(code, text % {"account": each.account.name}, None, each.account.pk)
    return _slowed(each.account, now)


def _others(code: str, rows: Sequence[Waiting]) -> Blocker:
    """Count the accounts that are not named."""
    text = ngettext(
        "%(number)s more account waits in the same way.",
        "%(number)s more accounts wait in the same way.",
        len(rows),
    )
    moments = [each.free_at or each.due_at for each in rows]
    until = min(filter(None, moments), default=None)
    return Blocker(code, text % {"number": intcomma(len(rows))}, until)


def _hindered(each: Waiting, hindrance: Hindrance) -> Blocker:
    account, code = each.account, CODES[hindrance.obstacle]
    facts = {"account": account.name, "number": each.number_text}
    if hindrance.obstacle is Obstacle.OFF:
        return Blocker(code, _off_text(each), None, account.pk)
    facts["when"] = moment(hindrance.until) if hindrance.until else ""
    if hindrance.obstacle is Obstacle.COOLING:
        facts["reason"] = words.of_trouble(account.cooling_reason)
        text = _("%(account)s rests until %(when)s: %(reason)s")
    elif hindrance.obstacle is Obstacle.LIMIT:
        facts["used"] = intcomma(account.today_count)
        text = _("%(account)s has sent its %(used)s of today; it goes on %(when)s.")
    else:
        text = _("%(account)s keeps a gap between mails; next %(when)s.")
    return Blocker(code, text % facts, hindrance.until, account.pk)


def _off_text(each: Waiting) -> str:
    account = each.account
    text = _("%(account)s is off: %(reason)s")
    if account.main:
        text = ngettext(
            "%(number)s VIP waits for %(account)s, which is off: %(reason)s",
            "%(number)s VIPs wait for %(account)s, which is off: %(reason)s",
            each.pending,
        )
    return text % {
        "account": account.name,
        "number": each.number_text,
        "reason": words.of_trouble(account.off_reason or words.BY_HAND),
    }


def _retry(each: Waiting) -> Blocker:
    text = ngettext(
        "%(number)s mail was refused for the time being; next try %(when)s.",
        "%(number)s mails were refused for the time being; next try %(when)s.",
        each.pending,
    )
    when = moment(each.due_at) if each.due_at else ""
    facts = {"number": each.number_text, "when": when}
    return Blocker(RETRY, text % facts, each.due_at, each.account.pk)


def _resting_domain(each: Waiting, domain: RestingDomain) -> Blocker:
    text = _("Mails from %(account)s to %(domain)s wait until %(when)s: %(reason)s")
    facts = {
        "account": each.account.name,
        "domain": domain.domain,
        "when": moment(domain.until),
        "reason": words.of_refusal(domain.why),
    }
    return Blocker(DOMAIN, text % facts, domain.until, each.account.pk)


def _slowed(account: EmailAccount, now: datetime) -> Blocker:
    rate, since = pace.rate(account, now) or 0.0, account.slow_since or now
    until = since + pace.EASED_AFTER
    text = _(
        "%(account)s sends about %(number)s mails a minute, as its server asked for fewer; it grows"
        " faster until %(when)s."
    )
    facts = {
        "account": account.name,
        "number": intcomma(max(1, round(rate * 60))),
        "when": moment(until),
    }
    return Blocker(SLOWED, text % facts, until, account.pk)
