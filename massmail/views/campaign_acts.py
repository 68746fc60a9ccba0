"""What is done to a mailing out from its page: each act is a POST and one call of a service."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from common.ids import ids_in
from massmail import tasks
from massmail.errors import MassmailError
from massmail.forms.start_form import StartForm
from massmail.models import Delivery, EmlMessage, MailingOut
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import audience, bulk_moves, campaign, drafts
from massmail.services.messages import choose_for
from massmail.views.access import changeable_or_403, user_of, visible_or_404
from massmail.views.people_filter import PeopleFilter


class NothingChosen(MassmailError):
    """A form spoke of the chosen, and none was."""


@require_POST
def mailing_out_start(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Start a draft now or later."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id, related=("message",))
    form = StartForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return to_page(mailing_out)

    @transaction.atomic
    def act() -> str:
        _limit(mailing_out, form.cleaned_data["not_after"])
        if mailing_out.recipients_number > audience.PREPARE_IN_TASK_ABOVE:
            campaign.start_later_in_task(mailing_out, at=form.at)
            transaction.on_commit(lambda: tasks.prepare.delay(mailing_out.pk), robust=True)
            return _("“%(name)s” is being prepared and starts by itself.")
        mailing_out.start(at=form.at)
        return _("“%(name)s” is started.") if form.at is None else _("“%(name)s” is scheduled.")

    return done(request, mailing_out, act)


@require_POST
def mailing_out_pause(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Pause what runs."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id)

    def act() -> str:
        campaign.pause(mailing_out, by=user_of(request))
        return _("“%(name)s” is paused.")

    return done(request, mailing_out, act)


@require_POST
def mailing_out_resume(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Go on with what was paused."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id)

    def act() -> str:
        campaign.resume(mailing_out)
        return _("“%(name)s” goes on.")

    return done(request, mailing_out, act)


@require_POST
def mailing_out_cancel(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Cancel what has not left."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id)

    def act() -> str:
        campaign.cancel(mailing_out)
        return _("“%(name)s” is cancelled. What had left before stays as it is.")

    return done(request, mailing_out, act)


@require_POST
def mailing_out_message(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Choose the message of a draft among those that the user may see."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id)
    offered = EmlMessage.objects.visible_to(user_of(request))
    found = offered.filter(pk__in=ids_in([request.POST.get("message", "")])).first()
    if found is None:
        messages.error(request, _("Choose a message from the list."))
        return to_page(mailing_out)
    if not choose_for(mailing_out, message=found, user=user_of(request)):
        messages.error(request, _("It is started: its message cannot change any more."))
    return to_page(mailing_out, "message")


@require_POST
def mailing_out_count_as_sent(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Count uncertain mails as sent: the chosen ones, or all."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id)

    def act() -> str:
        number = bulk_moves.count_as_sent(_uncertain(request, mailing_out))
        text = ngettext("%(number)s counts as sent.", "%(number)s count as sent.", number)
        return text % {"number": intcomma(number)}

    return done(request, mailing_out, act)


@require_POST
def mailing_out_send_again(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Send uncertain mails again: the chosen ones, or all."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id)

    def act() -> str:
        number = bulk_moves.send_again(_uncertain(request, mailing_out))
        text = ngettext("%(number)s is sent again.", "%(number)s are sent again.", number)
        return text % {"number": intcomma(number)}

    return done(request, mailing_out, act)


@require_POST
def mailing_out_use_new_version(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Send the message as it is now to those who still wait."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id)

    def act() -> str:
        campaign.use_new_version(mailing_out)
        return _("“%(name)s” sends the message as it is now to all who still wait.")

    return done(request, mailing_out, act)


@require_POST
def mailing_out_copy(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Make a draft of the user's with the same message and people."""
    user = user_of(request)
    if not user.has_perm("massmail.add_mailingout"):
        raise PermissionDenied
    related = ("content_type", "message")
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id, related=related)
    return to_draft(request, mailing_out, lambda: drafts.copy(mailing_out, by=user))


@require_POST
def mailing_out_to_these(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Make a draft of the user's to some of the people: the ticked ones, or all of a list."""
    user = user_of(request)
    if not user.has_perm("massmail.add_mailingout"):
        raise PermissionDenied
    related = ("content_type", "message")
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id, related=related)
    shown = PeopleFilter.from_query(request.POST)
    facts = {"name": mailing_out.name, "which": shown.words}
    return to_draft(
        request,
        mailing_out,
        lambda: drafts.to_these(
            mailing_out,
            chosen(request, shown.rows(mailing_out)),
            by=user,
            name=_("%(name)s: %(which)s") % facts,
            keeps_message=request.POST.get("message") == "keep",
        ),
    )


def done(request: HttpRequest, mailing_out: MailingOut, act: Callable[[], str]) -> HttpResponse:
    """Do it, say what became of it, and show the page. The service owns the transaction."""
    try:
        text = act()
    except MassmailError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, text.replace("%(name)s", mailing_out.name))
    return to_page(mailing_out)


def to_page(mailing_out: MailingOut, anchor: str = "") -> HttpResponse:
    page = redirect("admin:massmail_mailingout_change", mailing_out.pk)
    if anchor:
        page["Location"] += f"#{anchor}"
    return page


def _limit(mailing_out: MailingOut, not_after: datetime | None) -> None:
    """Note until when a draft may send."""
    drafts = MailingOut.objects.filter(pk=mailing_out.pk, started_at=None, preparing="")
    drafts.update(not_after=not_after)


def to_draft(
    request: HttpRequest, mailing_out: MailingOut, make: Callable[[], MailingOut]
) -> HttpResponse:
    """Make a draft and open it; a refusal is said on the page of the mailing out it is made of."""
    try:
        draft = make()
    except MassmailError as refusal:
        messages.error(request, str(refusal))
        return to_page(mailing_out)
    tasks.prepare_soon(draft)
    messages.success(request, _("This is your new draft. Look through it, then start it."))
    return to_page(draft)


def chosen(request: HttpRequest, rows: DeliveryQuerySet) -> DeliveryQuerySet:
    """Return those of the rows that were ticked; all unless the form says that some were chosen.

    Raises NothingChosen.
    """
    if request.POST.get("which") != "chosen":
        return rows
    ids = ids_in(request.POST.getlist("delivery"))
    if not ids:
        raise NothingChosen(_("Nobody is chosen: tick some people first."))
    return rows.filter(pk__in=ids)


def _uncertain(request: HttpRequest, mailing_out: MailingOut) -> DeliveryQuerySet:
    rows = Delivery.objects.filter(mailing_out=mailing_out.pk, status=Delivery.Status.UNCERTAIN)
    return chosen(request, rows)
