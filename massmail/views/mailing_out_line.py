"""One mailing out in a line: of the list, and of the first page."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from massmail.models import AccountShare, MailingOut
from massmail.models.mailing_out import MailingOutQuerySet
from massmail.services import words
from massmail.services.blockers import Blocker, Explanation
from massmail.services.outlook import outlook
from massmail.services.scene import Scene
from massmail.views.progress import Segment, end_text, percent_of, segments_of

_STATUS = MailingOut.Status
ACCOUNT_OFF = "account_off"  # a Blocker's code
_SYSTEM_PAUSE = ("", MailingOut.PauseReason.BY_HAND)


@dataclass(frozen=True, slots=True)
class MailingOutLine:
    """A mailing out in words."""

    mailing_out: MailingOut
    state: MailingOut.State
    subject: str
    reason: str  # why it is in that state, why it waits, or what it lacks; "" if all is well
    needs_somebody: bool
    sent_today: int
    percent: int
    segments: Sequence[Segment]
    next_mail: str
    end: str

    @property
    def is_active(self) -> bool:
        """Whether it runs, will, or was paused by hand."""
        return self.mailing_out.started_at is not None and not self.is_over

    @property
    def is_draft(self) -> bool:
        """Whether it was not started yet."""
        return self.mailing_out.started_at is None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in {MailingOut.State.DONE, MailingOut.State.CANCELLED}


def needs_somebody() -> Q:
    """Return what is true of mailing outs that somebody has to look after.

    Uncertain mails; paused by the system; an account off that has mails of it; a draft that lacks
    message or people.
    """
    troubled = AccountShare.objects.filter(
        mailing_out=OuterRef("pk"), email_account__massmail=False, exhausted=False
    )
    return (
        Q(uncertain_count__gt=0)
        | Q(status=_STATUS.PAUSED, started_at__isnull=False) & ~Q(pause_reason__in=_SYSTEM_PAUSE)
        | Q(status__in=MailingOut.ACTIVE, pending_count__gt=0) & Q(Exists(troubled))
        | Q(started_at=None, preparing="") & (Q(message=None) | Q(pending_count=0))
    )


def needing_somebody(rows: MailingOutQuerySet) -> MailingOutQuerySet:
    """Return those of these mailing outs that somebody has to look after."""
    return rows.filter(needs_somebody())


def line_of(mailing_out: MailingOut, scene: Scene) -> MailingOutLine:
    """Describe a mailing out by a scene that was read for it (no statement)."""
    explanation = Explanation(mailing_out, scene.now, scene)
    reasons = explanation.blockers()
    source = mailing_out.message_version or mailing_out.message
    done = mailing_out.sent_count + mailing_out.failed_count + mailing_out.uncertain_count
    found = explanation.next_mail()
    course = outlook(mailing_out, scene) if found else None
    return MailingOutLine(
        mailing_out=mailing_out,
        state=mailing_out.state_at(scene.now),
        subject=source.subject if source else "",
        reason=_reason(mailing_out, reasons),
        needs_somebody=_needs_somebody(mailing_out, reasons),
        sent_today=mailing_out.sent_on(scene.settings_row.local_date(scene.now)),
        percent=percent_of(done, mailing_out.recipients_number - mailing_out.skipped_count),
        segments=tuple(segments_of(mailing_out)) if mailing_out.started_at else (),
        next_mail=words.moment_of(found[0], scene.now) if found and found[0] > scene.now else "",
        end=end_text(course, scene.now) if course else "",
    )


def _needs_somebody(mailing_out: MailingOut, reasons: Sequence[Blocker]) -> bool:
    """Say what `needs_somebody` says, of a row that was read."""
    if mailing_out.uncertain_count:
        return True
    if mailing_out.started_at is None:
        return not mailing_out.preparing and (
            mailing_out.message_id is None or not mailing_out.pending_count
        )
    if mailing_out.status == _STATUS.PAUSED:
        return mailing_out.pause_reason not in _SYSTEM_PAUSE
    return mailing_out.is_active and any(each.code == ACCOUNT_OFF for each in reasons)


def _reason(mailing_out: MailingOut, reasons: Sequence[Blocker]) -> str:
    if mailing_out.uncertain_count:
        text = ngettext(
            "%(number)s mail may or may not have arrived",
            "%(number)s mails may or may not have arrived",
            mailing_out.uncertain_count,
        )
        return text % {"number": intcomma(mailing_out.uncertain_count)}
    if mailing_out.started_at is None:
        return _what_a_draft_lacks(mailing_out)
    if mailing_out.status in {_STATUS.DONE, _STATUS.INTERRUPTED}:
        return _what_failed(mailing_out)
    acting = [each for each in reasons if each.code == ACCOUNT_OFF]  # somebody must act first
    return next((each.text for each in [*acting, *reasons]), "")


def _what_a_draft_lacks(mailing_out: MailingOut) -> str:
    if mailing_out.preparing:
        return ""
    if mailing_out.message_id is None:
        return _("no message yet")
    return "" if mailing_out.pending_count else _("nobody to write to")


def _what_failed(mailing_out: MailingOut) -> str:
    if not mailing_out.failed_count:
        return ""
    text = ngettext("%(number)s failed", "%(number)s failed", mailing_out.failed_count)
    return text % {"number": intcomma(mailing_out.failed_count)}
