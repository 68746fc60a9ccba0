"""How far a mailing out is: numbers that add up, what it waits for, and both as JSON."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from massmail.clock import database_now
from massmail.models import EmailAccount, MailingOut
from massmail.services import words
from massmail.services.blockers import Blocker, Explanation
from massmail.services.forecast import Forecast
from massmail.services.outlook import outlook
from massmail.services.scene import Scene
from massmail.views.access import user_of, visible_or_404

BAR_WIDTH = 1000  # units of the bar's own coordinates


@dataclass(frozen=True, slots=True)
class Segment:
    """One number of the progress, with its part of the bar and the list of what it counts."""

    key: str
    label: str
    number: int
    text: str
    url: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Hint:
    """What a mailing out waits for, with the way out if there is one."""

    text: str
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything that the progress card shows and that changes while mails leave."""

    state: str
    state_label: str
    headline: str
    percent: int
    segments: tuple[Segment, ...]
    pace: str
    sentence: str
    next_mail: str
    end: str
    hints: tuple[Hint, ...]
    shape: str  # when this changes, the page has other parts: it is loaded again
    is_live: bool


@require_safe
def mailing_out_progress(request: HttpRequest, mailing_out_id: int) -> JsonResponse:
    """Return the progress as JSON; the page's script asks every two seconds."""
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id, related=("paused_by",))
    return JsonResponse(asdict(progress_of(mailing_out, user_of(request), database_now())))


def progress_of(
    mailing_out: MailingOut, user: User, now: datetime, *, scene: Scene | None = None
) -> Progress:
    """Describe how far a mailing out is (some statements, whatever its size)."""
    state = mailing_out.state_at(now)
    explanation = Explanation(mailing_out, now, scene)
    segments = tuple(segments_of(mailing_out))
    total = mailing_out.recipients_number - mailing_out.skipped_count
    done = mailing_out.sent_count + mailing_out.failed_count + mailing_out.uncertain_count
    is_over = state in {MailingOut.State.DONE, MailingOut.State.CANCELLED}
    course = outlook(mailing_out, explanation.scene)
    next_mail = next_mail_text(explanation)
    return Progress(
        state=state.value,
        state_label=str(state.label),
        headline=_headline(done, total),
        percent=percent_of(done, total),
        segments=segments,
        pace=pace_text(mailing_out, course, explanation.scene),
        sentence="" if next_mail else explanation.sentence(),
        next_mail=next_mail,
        end="" if explanation.next_mail() is None else end_text(course, now),
        hints=() if is_over else hints_of(explanation.blockers(), user),
        shape=f"{state.value}-{mailing_out.failed_count > 0}-{mailing_out.uncertain_count > 0}",
        is_live=not is_over or mailing_out.in_flight_count > 0,
    )


def pace_text(mailing_out: MailingOut, course: Forecast, scene: Scene) -> str:
    """Say how many mails were sent today, and how many leave in an hour."""
    today = mailing_out.sent_on(scene.settings_row.local_date(scene.now))
    text = ngettext("%(number)s today", "%(number)s today", today) % {"number": intcomma(today)}
    if not mailing_out.is_active or course.per_hour < 1:
        return text
    an_hour = round(course.per_hour, -2 if course.per_hour > 1_000 else 0)  # no false precision
    facts = {"today": text, "number": intcomma(int(an_hour))}
    return _("%(today)s, about %(number)s an hour") % facts


def next_mail_text(explanation: Explanation) -> str:
    """Say when the next mail leaves and from which account; nothing while mails leave."""
    found = explanation.next_mail()
    if found is None or found[0] <= explanation.now:
        return ""
    when = words.moment_of(found[0], explanation.now)
    facts = {"when": when, "account": found[1].name}
    return _("%(when)s from %(account)s") % facts


def end_text(course: Forecast, now: datetime) -> str:
    """Say about when it is done as things are; nothing where nobody knows."""
    if course.ends_at is None:
        return ""
    if course.is_far:
        return _("in more than ten years")
    return words.day_of(course.ends_at, now)


def segments_of(mailing_out: MailingOut) -> Iterable[Segment]:
    """Return the numbers that make up those to send, in the order of the bar."""
    waiting = mailing_out.pending_count + mailing_out.in_flight_count
    numbers = {
        "sent": (_("sent"), mailing_out.sent_count),
        "failed": (_("failed"), mailing_out.failed_count),
        "uncertain": (_("uncertain"), mailing_out.uncertain_count),
        "waiting": (_("waiting"), waiting),
    }
    total = sum(number for _label, number in numbers.values())
    before = 0
    for key, (label, number) in numbers.items():
        start, end = _position(before, total), _position(before + number, total)
        before += number
        yield Segment(
            key,
            label,
            number,
            intcomma(number),
            people_url(mailing_out.pk, key),
            start,
            end - start,
        )


def people_url(mailing_out_id: int, state: str = "", reason: str = "") -> str:
    """Return the address of the people of a mailing out in one state, for one reason."""
    url = reverse("mailing_out_people", args=[mailing_out_id])
    query = "&".join(
        f"{name}={value}" for name, value in (("state", state), ("reason", reason)) if value
    )
    return f"{url}?{query}" if query else url


def percent_of(done: int, total: int) -> int:
    """Return whole per cent, 100 only when all is done."""
    return done * 100 // total if total else 0


def hints_of(blockers: Iterable[Blocker], user: User) -> tuple[Hint, ...]:
    """Return the reasons for waiting with their ways out, as far as the user may go there."""
    found = list(blockers)
    account_ids = {each.account_id for each in found if each.account_id}
    reachable = (
        set(
            EmailAccount.objects.visible_to(user)
            .filter(pk__in=account_ids)
            .values_list("pk", flat=True)
        )
        if account_ids and user.has_perm("massmail.view_emailaccount")
        else set()
    )
    return tuple(_hint(each, user, reachable) for each in found)


def _hint(blocker: Blocker, user: User, reachable: set[int]) -> Hint:
    if blocker.account_id in reachable:
        url = reverse("admin:massmail_emailaccount_change", args=[blocker.account_id])
        return Hint(blocker.text, url, _("Open account"))
    if blocker.code in {"outside_hours", "all_paused", "database_copy"} and user.is_superuser:
        url = reverse("admin:massmail_massmailsettings_change", args=[1])
        return Hint(blocker.text, url, _("Open settings"))
    return Hint(blocker.text)


def _headline(done: int, total: int) -> str:
    text = ngettext("%(done)s of %(total)s person", "%(done)s of %(total)s people", total)
    return text % {"done": intcomma(done), "total": intcomma(total)}


def _position(number: int, total: int) -> int:
    return number * BAR_WIDTH // total if total else 0
