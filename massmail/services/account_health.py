"""The health of accounts: may they send now, when they rest, when they are switched off."""

import enum
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from massmail.models import AccountShare, EmailAccount, MailingOut, MassmailSettings
from massmail.services import audience_sql, notices, pace, retries, send_window, words
from massmail.services.reply_rules import Action, Decision

logger = logging.getLogger(__name__)

REPORT_MAX = 20_000  # characters
TOLD_AGAIN_AFTER = timedelta(hours=12)  # a trouble that comes and goes is no mail every minute


class Obstacle(enum.StrEnum):
    """Why an account sends nothing now."""

    OFF = "off"
    COOLING = "cooling"
    LIMIT = "limit"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What keeps an account from sending, and until when (None: until a person acts)."""

    obstacle: Obstacle
    until: datetime | None = None


def hindrance(
    account: EmailAccount, settings_row: MassmailSettings, now: datetime
) -> Hindrance | None:
    """Return what keeps the account from sending now, the most lasting first. Pure."""
    if not account.massmail:
        return Hindrance(Obstacle.OFF)
    if account.allowance_left(settings_row, settings_row.local_date(now)) == 0:
        return Hindrance(Obstacle.LIMIT, send_window.next_day_at(settings_row, now))
    if account.cooling_until is not None and account.cooling_until > now:
        return Hindrance(Obstacle.COOLING, account.cooling_until)
    if account.next_send_at is not None and account.next_send_at > now:
        return Hindrance(Obstacle.GAP, account.next_send_at)
    return None


def meet(
    account_id: int,
    decision: Decision,
    *,
    reply: str,
    now: datetime,
    measured: float | None = None,
) -> None:
    """Switch an account off or let it rest, as the decision about an answer of its server says.

    `measured` is how many mails a second it sent lately; after throttling it sends half as many.
    """
    if decision.action is Action.OFF:
        switch_off(account_id, reason=decision.why, reply=reply, now=now)
        return
    cool(
        account_id,
        reason=decision.why,
        reply=reply,
        now=now,
        least_s=decision.rest_s,
        alerts=decision.alerts,
    )
    if decision.slows and measured is not None:
        EmailAccount.objects.filter(pk=account_id).update(
            slow_per_second=pace.slower(measured), slow_since=now
        )


def cool(
    account_id: int,
    *,
    reason: str,
    reply: str = "",
    now: datetime,
    least_s: int = 0,
    alerts: bool = False,
) -> datetime:
    """Let an account rest, longer with each trouble in a row; return until when.

    `reason` is the `why` of a decision, `reply` what the server said: a wait that it asks for is
    kept. It rests at least `least_s` seconds. With `alerts`, owner and admins are told, of the same
    trouble once in 12 hours.

    When the time is over, one mail probes it (`ledger` gives a window of one).
    """
    with transaction.atomic():
        account = EmailAccount.objects.select_for_update().get(pk=account_id)
        until = retries.cooling_until(
            times=account.cooling_count + 1,
            now=now,
            least_s=least_s,
            asked=retries.asked_wait(reply),
        )
        EmailAccount.objects.filter(pk=account_id).update(
            cooling_until=until,
            cooling_reason=reason,
            cooling_count=account.cooling_count + 1,
            trouble_reply=reply,
        )
        _mark_errors(account_id)
        if alerts:
            _tell(account, reason, reply, now=now)
    logger.warning("account %d: cooling until %s", account_id, until)
    return until


def _tell(account: EmailAccount, reason: str, reply: str, *, now: datetime) -> None:
    """Tell people of a trouble that rests the account, unless they were told lately."""
    told_lately = account.told_at is not None and now - account.told_at < TOLD_AGAIN_AFTER
    if told_lately and account.told_reason == reason:
        return
    EmailAccount.objects.filter(pk=account.pk).update(told_reason=reason, told_at=now)
    text = f"{words.of_trouble(reason)} {reply}"
    transaction.on_commit(lambda: notices.account_rests(account, reason=text))


def _mark_errors(account_id: int) -> None:
    """Mark the running mailing outs of an account in trouble as running with errors."""
    MailingOut.objects.filter(
        status=MailingOut.Status.ACTIVE,
        pending_count__gt=0,
        pk__in=AccountShare.objects.filter(email_account=account_id).values("mailing_out"),
    ).update(status=MailingOut.Status.ERRORS)


def recover(account_id: int) -> None:
    """Forget the trouble of an account, after a mail of it was taken."""
    EmailAccount.objects.filter(pk=account_id, cooling_count__gt=0).update(
        cooling_until=None, cooling_reason="", cooling_count=0, trouble_reply=""
    )


def switch_off(account_id: int, *, reason: str, reply: str = "", now: datetime) -> bool:
    """Switch an account off until a person switches it on; tell owner and admins once.

    `reason` is the `why` of a decision, `reply` what the server said.

    Its rows are handed over by `hand_over` at the next tick. Returns whether it was on.
    """
    with transaction.atomic():
        account = EmailAccount.objects.select_for_update().get(pk=account_id)
        was_on = account.massmail
        line = f"{timezone.localtime(now):%Y-%m-%d %H:%M %Z} {reason}: {reply}\n"
        EmailAccount.objects.filter(pk=account_id).update(
            massmail=False,
            off_reason=reason,
            off_at=now,
            trouble_reply=reply,
            report=(line + account.report)[:REPORT_MAX],
        )
        _mark_errors(account_id)
        if was_on:
            transaction.on_commit(
                lambda: notices.account_is_off(
                    account, reason=f"{words.of_trouble(reason)} {reply}"
                )
            )
    logger.error("account %d: switched off", account_id)
    return was_on


def switch_off_by_hand(account_id: int, *, by: User, now: datetime) -> bool:
    """Switch an account off because a person decided so; return whether it was on.

    Nobody is told: who did it knows. A run that holds it ends with its window.
    """
    with transaction.atomic():
        account = EmailAccount.objects.select_for_update().get(pk=account_id)
        line = f"{timezone.localtime(now):%Y-%m-%d %H:%M %Z} {words.BY_HAND}: {by.username}\n"
        switched = EmailAccount.objects.filter(pk=account_id, massmail=True).update(
            massmail=False,
            off_reason=words.BY_HAND,
            off_at=now,
            report=(line + account.report)[:REPORT_MAX],
        )
    logger.info("account %d: switched off by user %d", account_id, by.pk)
    return bool(switched)


def switch_on(account: EmailAccount) -> None:
    """Let an account send again; a person decided so."""
    EmailAccount.objects.filter(pk=account.pk).update(
        massmail=True,
        off_reason="",
        off_at=None,
        cooling_until=None,
        cooling_reason="",
        cooling_count=0,
        trouble_reply="",
        slow_per_second=None,
        slow_since=None,
        told_reason="",
        told_at=None,
    )


def hand_over() -> int:
    """Give the rows of accounts that are off to the owner's other accounts; return how many.

    Rows for a main account (VIPs) stay: they wait for it or for a person. So do all where the
    owner has no other account.
    """
    shares = AccountShare.objects.filter(
        mailing_out__in=MailingOut.objects.active().filter(pending_count__gt=0),
        email_account__massmail=False,
        email_account__main=False,
        email_account__run_id=None,  # a run may still return rows to it
        handed_over=False,
    ).select_related("mailing_out__owner")
    return sum(_hand_over(share) for share in shares.order_by("pk"))


def _hand_over(share: AccountShare) -> int:
    rotation = list(
        EmailAccount.objects.in_rotation_of(share.mailing_out.owner).values_list("pk", flat=True)
    )
    if not rotation:
        return 0
    with transaction.atomic():
        moved = audience_sql.reassign(
            share.mailing_out_id, from_account=share.email_account_id, rotation=rotation
        )
        if moved:
            audience_sql.open_shares(share.mailing_out_id)
        AccountShare.objects.filter(pk=share.pk).update(handed_over=True)
    logger.info(
        "mailing out %d: %d rows of account %d handed over",
        share.mailing_out_id,
        moved,
        share.email_account_id,
    )
    return moved
