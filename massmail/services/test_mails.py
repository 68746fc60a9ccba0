"""A test mail: one message, as one person would get it, to a typed address, now.

Built by the builder that sends; its subject and its unsubscribe link say that it is a test. It
counts towards the account's limit, reserved as a run does, and changes nothing else: a run that
holds the account goes on.
"""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from common.fields import SecretUnreadable
from massmail.addresses import address_key
from massmail.backends import open_watched
from massmail.backends.base import (
    BuiltMail,
    Outcome,
    ReadyMails,
    Stage,
    Step,
    Transport,
    TransportError,
)
from massmail.clock import database_now
from massmail.errors import SendTestRefused
from massmail.models import EmailAccount, EmlMessage, MassmailSettings, Suppression
from massmail.services import outcomes, render, versions, words
from massmail.services.access_tokens import make_connection
from massmail.services.account_health import Obstacle, hindrance
from massmail.services.blockers import moment
from massmail.services.short_wait import ShortWatch, as_seen
from massmail.services.smtp_replies import decide
from massmail.utils.email_creators import MessageSource, Person, compile_message

logger = logging.getLogger(__name__)

LIMIT_S = 22  # with the last wait of a transport and the good-bye less than 30 s


def send_test_mail(
    message: EmlMessage,
    *,
    account: EmailAccount,
    person: Person,
    to: str,
    now: datetime | None = None,
    make: Callable[[EmailAccount], Transport] = make_connection,
    clock: Callable[[], float] = time.monotonic,
    limit_s: float = LIMIT_S,
) -> str:
    """Send the message as `person` gets it to the address `to`; return the server's reply.

    Network, at most 30 s. Raises SendTestRefused unless the server took the mail, and MassmailError
    for a message that cannot be built.
    """
    now = now or database_now()
    _refuse_suppressed(to, now)
    mail = build(message, account=account, person=person, to=to)
    reserved_on = _reserve(account.pk, now)
    counted = True  # also if we die of something unforeseen: then nobody knows better
    try:
        outcome = _send(mail, make(account), ShortWatch(limit_s, clock))
        counted = outcome is not None and outcome.counted
    except TransportError as error:
        counted = False
        raise _refusal_of(error) from error
    except SecretUnreadable as error:
        counted = False
        raise SendTestRefused(words.of_trouble(words.KEY)) from error
    except Exception as error:  # the border to transports of other apps
        logger.exception("account %d: its transport failed with a test mail", account.pk)
        text = _("The connection broke in a way that we do not know: the mail may have arrived or"
                 " not. The log tells more.")  # fmt: skip
        raise SendTestRefused(text) from error
    finally:
        if not counted:
            _give_back(account.pk, reserved_on)
    return _reply_of(outcome)


def build(message: EmlMessage, *, account: EmailAccount, person: Person, to: str) -> BuiltMail:
    """Return the test mail. Raises MassmailError with what is wrong with the message."""
    compiled = compile_message(_marked(versions.source_of(message)))
    message_id = f"<{uuid.uuid4()}@{render.site_domain()}>"
    addressee = replace(person, address=to, message_id=message_id)
    return compiled.build(addressee, render.sender_of(account, message), date=timezone.localtime())


def _marked(source: MessageSource) -> MessageSource:
    """Return the message with a subject that nobody takes for the real mail."""
    return replace(source, subject=_("[Test] %(subject)s") % {"subject": source.subject})


def _refuse_suppressed(to: str, now: datetime) -> None:
    """Refuse an address that is not written to, whoever asks."""
    found = Suppression.objects.active(now).filter(address_key=address_key(to)).first()
    if found is not None:
        text = _("%(address)s is not written to: %(kind)s. Send the test to another address.")
        raise SendTestRefused(text % {"address": to, "kind": found.get_kind_display()})


def _reserve(account_id: int, now: datetime) -> date:
    """Count the mail before it leaves, under the lock that runs take too; return the day."""
    settings_row = MassmailSettings.load()
    if settings_row.paused_at is not None:
        raise SendTestRefused(_("All sending is paused. Ask an administrator to let it go on."))
    today = settings_row.local_date(now)
    with transaction.atomic():
        account = EmailAccount.objects.select_for_update().get(pk=account_id)
        _refuse_hindered(account, settings_row, now)
        EmailAccount.objects.filter(pk=account_id).update(
            today_date=today, today_count=account.used_on(today) + 1
        )
    return today


def _refuse_hindered(account: EmailAccount, settings_row: MassmailSettings, now: datetime) -> None:
    """Refuse for an account that is off, rests, or has used its limit; a gap is no matter."""
    found = hindrance(account, settings_row, now)
    if found is None or found.obstacle is Obstacle.GAP:
        return
    facts = {"name": account.name, "when": moment(found.until) if found.until else ""}
    if found.obstacle is Obstacle.OFF:
        facts["reason"] = words.of_trouble(account.off_reason or words.BY_HAND)
        text = _("%(name)s is off: %(reason)s Switch it on, or choose another account.")
    elif found.obstacle is Obstacle.LIMIT:
        text = _("%(name)s has used its limit of today: it goes on %(when)s. Choose another"
                 " account, or wait.")  # fmt: skip
    else:
        facts["reason"] = words.of_trouble(account.cooling_reason)
        text = _("%(name)s rests until %(when)s: %(reason)s Choose another account, or wait.")
    raise SendTestRefused(text % facts)


def _give_back(account_id: int, reserved_on: date) -> None:
    """Take the mail out of the day's count again: nothing of it left."""
    reserved = EmailAccount.objects.filter(pk=account_id, today_date=reserved_on)
    reserved.filter(today_count__gt=0).update(today_count=F("today_count") - 1)


def _send(mail: BuiltMail, transport: Transport, watch: ShortWatch) -> Outcome | None:
    """Send it over a connection of its own; None if there was no time to begin."""
    try:
        open_watched(transport, watch, _tell_nobody)
        return next(iter(transport.send(ReadyMails([mail]), watch)), None)
    finally:
        transport.close()


def _refusal_of(error: TransportError) -> SendTestRefused:
    """Say why no connection was made; of a server's words, those about the login alone."""
    why = decide(error.stage, error.reply, as_seen(error.fault)).why
    tells = error.reply is not None and error.stage is Stage.AUTH
    reply = outcomes.verbatim(error.reply, error.fault) if tells else ""
    return SendTestRefused(words.of_trouble(why), reply)


def _tell_nobody(_step: Step) -> None:
    """Hear of a step of opening; a test mail shows its end alone."""


def _reply_of(outcome: Outcome | None) -> str:
    """Return what the server said to the mail that it took. Raises SendTestRefused."""
    if outcome is None:
        raise SendTestRefused(words.of_trouble("stalled"))
    reply = outcomes.verbatim(outcome.reply, outcome.fault) if outcome.reply else ""
    if not outcome.accepted:
        why = decide(outcome.stage, outcome.reply, as_seen(outcome.fault)).why
        raise SendTestRefused(words.of_refusal(why), reply)
    return reply
