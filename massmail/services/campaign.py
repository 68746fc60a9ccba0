"""The life of a mailing out: start, pause, resume, cancel, done.

Each step is one conditional update with the expected state; anything else raises
`IllegalTransition` with a sentence for the user. Sending itself is elsewhere.
"""

import logging
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, Q
from django.utils.translation import gettext as _

from massmail.clock import database_now
from massmail.errors import IllegalTransition, StartRefused
from massmail.models import (
    EmailAccount,
    FailReason,
    MailingOut,
    MassmailSettings,
    MessageVersion,
    SkipReason,
)
from massmail.services import audience, audience_sql, bulk_moves, notices, versions
from massmail.utils.email_creators import KNOWN_SYSTEM_VARIABLES, MessageError

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

_STATUS = MailingOut.Status


def start(
    mailing_out: MailingOut, *, at: datetime | None = None, now: datetime | None = None
) -> None:
    """Start a draft now or at a later moment; the object is refreshed.

    Freezes the message, brings the audience up to date, and gives every row its account, in one
    transaction. Raises StartRefused (no message, a template that does not compile, nobody to
    write to, no usable account) and IllegalTransition (not a draft, or still preparing).
    """
    now = now or database_now()
    with transaction.atomic():
        locked = MailingOut.objects.select_for_update().get(pk=mailing_out.pk)
        require_draft(locked, now=now)
        version = _frozen(locked)
        _require_account(locked)
        audience.bring_up_to_date(locked, now=now)
        _require_people(locked)
        audience_sql.open_shares(locked.pk)
        _require_time_left(locked, at or now)
        MailingOut.objects.filter(pk=locked.pk).update(
            status=_STATUS.ACTIVE,
            preparing="",
            started_at=now,
            start_at=at or now,
            message_version=version,
        )
    logger.info("mailing out %d: started", mailing_out.pk)
    mailing_out.refresh_from_db()


def start_later_in_task(mailing_out: MailingOut, *, at: datetime | None = None) -> None:
    """Note that a large draft is to be started; `start_prepared` in a task does it."""
    changed = MailingOut.objects.filter(
        pk=mailing_out.pk, status=_STATUS.PAUSED, started_at=None, preparing=""
    ).update(preparing=MailingOut.Preparing.START, start_at=at)
    if not changed:
        mailing_out.refresh_from_db()
        require_draft(mailing_out, now=database_now())


def start_prepared(mailing_out: MailingOut) -> None:
    """Do a noted start. A refusal makes it a draft again and stands in its report."""
    waiting = MailingOut.objects.filter(
        pk=mailing_out.pk, preparing=MailingOut.Preparing.START, started_at=None
    )
    try:
        with transaction.atomic():
            if waiting.update(preparing=""):
                start(mailing_out, at=mailing_out.start_at)
    except (StartRefused, IllegalTransition) as refusal:
        waiting.update(preparing="", start_at=None, report=f"{refusal}\n")


def pause(mailing_out: MailingOut, *, by: "User | None" = None) -> None:
    """Pause by hand: no window is claimed any more. Raises IllegalTransition."""
    _pause(mailing_out.pk, MailingOut.PauseReason.BY_HAND, by=by, or_raise=mailing_out)
    mailing_out.refresh_from_db()


def pause_by_system(
    mailing_out_id: int, reason: MailingOut.PauseReason, *, detail: str = ""
) -> bool:
    """Pause because something is wrong, and tell owner and admins once; False if not running."""
    if not _pause(mailing_out_id, reason):
        return False
    mailing_out = MailingOut.objects.select_related("owner").get(pk=mailing_out_id)
    text = f"{reason.label}. {detail}".strip()
    MailingOut.objects.filter(pk=mailing_out_id).update(report=f"{text}\n{mailing_out.report}")
    transaction.on_commit(lambda: notices.mailing_out_paused(mailing_out, reason=text))
    return True


def resume(mailing_out: MailingOut) -> None:
    """Go on with a paused mailing out. Raises IllegalTransition."""
    resumed = (
        MailingOut.objects.started()
        .filter(pk=mailing_out.pk, status=_STATUS.PAUSED)
        .update(status=_STATUS.ACTIVE, paused_by=None, pause_reason="")
    )
    mailing_out.refresh_from_db()
    if not resumed:
        raise IllegalTransition(_refusal(mailing_out, database_now()))
    logger.info("mailing out %d: resumed", mailing_out.pk)


def use_new_version(mailing_out: MailingOut) -> None:
    """Send the message as it is now to everybody who still waits; the object is refreshed.

    What a run has claimed already leaves as it was built. Raises StartRefused (the message does
    not compile, or asks for what these people do not have) and IllegalTransition (not running or
    paused, or nothing has changed).
    """
    with transaction.atomic():
        related = MailingOut.objects.select_related("message")
        locked = related.select_for_update(of=("self",)).get(pk=mailing_out.pk)
        if locked.message_version_id is None or locked.preparing or not _goes_on(locked):
            raise IllegalTransition(_refusal(locked, database_now()))
        version = _frozen(locked)
        _require_variables(locked, version)
        if version.pk == locked.message_version_id:
            raise IllegalTransition(_("The message has not changed since it was frozen."))
        MailingOut.objects.filter(
            pk=locked.pk, message_version=locked.message_version_id, preparing=""
        ).update(
            message_version=version, first_version=locked.first_version_id or locked.message_version
        )
    logger.info("mailing out %d: version %d for the rest", mailing_out.pk, version.pk)
    mailing_out.refresh_from_db()


def cancel(mailing_out: MailingOut) -> None:
    """Cancel what has not left: pending rows become `skipped` (cancelled).

    Raises IllegalTransition for one that is done or cancelled.
    """
    cancelled = MailingOut.objects.filter(
        pk=mailing_out.pk, status__in=[*MailingOut.ACTIVE, _STATUS.PAUSED], preparing=""
    ).update(status=_STATUS.INTERRUPTED, finished_at=database_now())
    if not cancelled:
        mailing_out.refresh_from_db()
        raise IllegalTransition(_refusal(mailing_out, database_now()))
    bulk_moves.skip_pending(mailing_out.pk, SkipReason.CANCELLED)
    logger.info("mailing out %d: cancelled", mailing_out.pk)
    mailing_out.refresh_from_db()


def sendable(mailing_out_ids: Collection[int]) -> set[int]:
    """Return those that nobody has paused or cancelled; none if all sending is (one statement)."""
    paused = MassmailSettings.objects.exclude(paused_at=None)
    found = MailingOut.objects.active().filter(~Exists(paused), pk__in=mailing_out_ids)
    return set(found.values_list("pk", flat=True))


def finish(*, now: datetime) -> int:
    """Mark as done what has no row left to send, and reopen what has again; return how many."""
    done = MailingOut.objects.finished().update(status=_STATUS.DONE, finished_at=now)
    unfinished = MailingOut.objects.filter(
        Q(pending_count__gt=0) | Q(in_flight_count__gt=0), status=_STATUS.DONE
    )
    return done + unfinished.update(status=_STATUS.ACTIVE, finished_at=None)


def settle_ended(*, now: datetime) -> None:
    """Settle the pending rows of mailing outs that were cancelled or whose time is over."""
    cancelled = MailingOut.objects.filter(status=_STATUS.INTERRUPTED, pending_count__gt=0)
    for pk in cancelled.values_list("pk", flat=True):
        bulk_moves.skip_pending(pk, SkipReason.CANCELLED)
    expired = MailingOut.objects.started().filter(
        status__in=[*MailingOut.ACTIVE, _STATUS.PAUSED], not_after__lte=now, pending_count__gt=0
    )
    for pk in expired.values_list("pk", flat=True):
        bulk_moves.fail_pending(pk, FailReason.EXPIRED)


def pause_those_of_deactivated_owners() -> None:
    """Pause what belongs to owners who are not active any more."""
    orphaned = MailingOut.objects.active().filter(owner__is_active=False)
    for pk in orphaned.values_list("pk", flat=True):
        pause_by_system(pk, MailingOut.PauseReason.OWNER_DEACTIVATED)


def delete_draft(mailing_out: MailingOut) -> None:
    """Delete a draft with its rows. What was started stays for ever: raises IllegalTransition."""
    with transaction.atomic():
        locked = MailingOut.objects.select_for_update().get(pk=mailing_out.pk)
        if locked.started_at is not None:
            raise IllegalTransition(_("“%(name)s” was started: it is kept.") % {"name": locked})
        locked.deliveries.filter(duplicate_of__isnull=False).delete()
        locked.deliveries.all().delete()
        locked.delete()


def require_draft(mailing_out: MailingOut, *, now: datetime) -> None:
    """Raise IllegalTransition, with a sentence, unless this is a draft that can be changed."""
    if mailing_out.state_at(now) is not MailingOut.State.DRAFT:
        raise IllegalTransition(_refusal(mailing_out, now))


def _pause(
    mailing_out_id: int,
    reason: MailingOut.PauseReason,
    *,
    by: "User | None" = None,
    or_raise: MailingOut | None = None,
) -> bool:
    paused = MailingOut.objects.active().filter(pk=mailing_out_id, preparing="")
    changed = paused.update(status=_STATUS.PAUSED, paused_by=by, pause_reason=reason)
    if changed:
        logger.info("mailing out %d: paused (%s)", mailing_out_id, reason)
    elif or_raise is not None:
        or_raise.refresh_from_db()
        raise IllegalTransition(_refusal(or_raise, database_now()))
    return bool(changed)


def _refusal(mailing_out: MailingOut, now: datetime) -> str:
    """Return why a step is not possible, in a sentence that names the state."""
    state = MailingOut.State
    texts = {
        state.PREPARING: _("“%(name)s” is being prepared. Wait a moment."),
        state.DRAFT: _("“%(name)s” is a draft: it was not started yet."),
        state.SCHEDULED: _("“%(name)s” is scheduled already."),
        state.RUNNING: _("“%(name)s” is running already."),
        state.RUNNING_WITH_ERRORS: _("“%(name)s” is running already."),
        state.PAUSED: _("“%(name)s” is paused. Resume or cancel it."),
        state.CANCELLED: _("“%(name)s” was cancelled."),
        state.DONE: _("“%(name)s” is done."),
    }
    return texts[mailing_out.state_at(now)] % {"name": mailing_out.name}


def _frozen(mailing_out: MailingOut) -> MessageVersion:
    if mailing_out.message is None:
        raise StartRefused(_("Choose a message first."))
    try:
        return versions.freeze(mailing_out.message, links_pictures=mailing_out.links_pictures)
    except MessageError as error:
        text = _("The message cannot be sent as it is: %(problems)s")
        raise StartRefused(text % {"problems": error}) from error


def _goes_on(mailing_out: MailingOut) -> bool:
    """Tell whether more of its mails will leave, now or after a pause."""
    return mailing_out.is_active or mailing_out.status == _STATUS.PAUSED


def _require_variables(mailing_out: MailingOut, version: MessageVersion) -> None:
    """Refuse a version that asks for what recipients of this type do not have."""
    model = mailing_out.recipient_model
    offered = {*model.variable_labels(), *KNOWN_SYSTEM_VARIABLES}
    lacking = sorted(versions.compiled(version.pk).variables - offered)
    if lacking:
        text = _("The message uses “%(names)s”, which %(people)s do not have.")
        facts = {"names": "”, “".join(lacking), "people": model._meta.verbose_name_plural}
        raise StartRefused(text % facts)


def _require_account(mailing_out: MailingOut) -> None:
    usable = EmailAccount.objects.usable_by(mailing_out.owner).filter(massmail=True)
    if not usable.exists():
        raise StartRefused(
            _("%(owner)s has no email account that is on. Add one, or switch one on.")
            % {"owner": mailing_out.owner}
        )


def _require_people(mailing_out: MailingOut) -> None:
    if mailing_out.pending_count:
        return
    if mailing_out.deliveries.filter(reason=SkipReason.NO_ACCOUNT).exists():
        raise StartRefused(
            _(
                "There is only a main account, which writes to VIPs alone, and nobody here is a"
                " VIP. Add another account, or make some people VIPs."
            )
        )
    if mailing_out.recipients_number:
        raise StartRefused(_("Everybody chosen is left out: nobody remains to be written to."))
    raise StartRefused(_("Nobody is chosen. Add people first."))


def _require_time_left(mailing_out: MailingOut, start_at: datetime) -> None:
    if mailing_out.not_after is not None and mailing_out.not_after <= start_at:
        raise StartRefused(_("“Not after” is before the start. Change one of them."))
