"""The filter form on a draft: it adds the people that it finds, or leaves them out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from massmail import tasks
from massmail.clock import database_now
from massmail.errors import MassmailError
from massmail.forms.audience_form import AudienceForm
from massmail.forms.radio_select_form import may_view
from massmail.models import MailingOut
from massmail.services import audience_changes, campaign
from massmail.services.audience_count import AudienceCount, count_new, count_waiting
from massmail.views import audience_page
from massmail.views.access import changeable_or_403, user_of

_People = QuerySet[Any]  # Any: of any type


@dataclass(frozen=True, slots=True)
class Change:
    """One of the two things that the form can do to a draft."""

    url_name: str  # of the page; that of its count ends in _count
    title: Promise
    lead: Promise
    label: Promise  # of the button
    nobody: Promise  # said when nobody is found
    count: Callable[[MailingOut, _People], AudienceCount]
    act: Callable[[MailingOut, _People, AudienceCount], str]

    def page_of(self, draft: MailingOut) -> audience_page.AudiencePage:
        """Return the words and addresses of the page."""
        return audience_page.AudiencePage(
            title=str(self.title) % {"name": draft.name},
            lead=str(self.lead),
            label=str(self.label),
            count_url=reverse(f"{self.url_name}_count", args=[draft.pk]),
            back_url=reverse("admin:massmail_mailingout_change", args=[draft.pk]),
            mailing_out=draft,
        )


@require_http_methods(["GET", "HEAD", "POST"])
def change_audience(request: HttpRequest, mailing_out_id: int, change: Change) -> HttpResponse:
    """Show the filter form of the draft's type; "create" does the change."""
    draft = _changeable(request, mailing_out_id)
    user = user_of(request)
    data = request.POST if request.method == "POST" else AudienceForm.beginning(user)
    form = AudienceForm(draft.recipient_model, user, data)
    count = change.count(draft, form.people()) if form.is_valid() else None
    try:
        campaign.require_draft(draft, now=database_now())
        if request.method == "POST" and "create" in request.POST and count is not None:
            if count.chosen:
                messages.success(request, change.act(draft, form.people(), count))
                return _to_page(draft)
            form.add_error(None, str(change.nobody))
    except MassmailError as refusal:
        messages.error(request, str(refusal))
        return _to_page(draft)
    return audience_page.show(request, change.page_of(draft), form, count)


@require_safe
def count_change(request: HttpRequest, mailing_out_id: int, change: Change) -> HttpResponse:
    """Return how many people the form would add or leave out, as JSON."""
    draft = _changeable(request, mailing_out_id)
    form = AudienceForm(draft.recipient_model, user_of(request), request.GET)
    count = change.count(draft, form.people()) if form.is_valid() else None
    return audience_page.as_json(form, count)


def _changeable(request: HttpRequest, mailing_out_id: int) -> MailingOut:
    """Return a mailing out that the user may change, to people whom they may view."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id, related=("owner",))
    if not may_view(user_of(request), mailing_out.recipient_model):
        raise PermissionDenied
    return mailing_out


def _to_page(draft: MailingOut) -> HttpResponse:
    page = redirect("admin:massmail_mailingout_change", draft.pk)
    page["Location"] += "#audience"
    return page


# --- what is done, and the sentence about it


def _count_to_add(draft: MailingOut, people: _People) -> AudienceCount:
    return count_new(people, now=database_now(), draft=draft)


def _add(draft: MailingOut, people: _People, count: AudienceCount) -> str:
    if audience_changes.is_large(draft, count.chosen):
        with transaction.atomic():
            audience_changes.add_later(draft, people=people)
            draft.refresh_from_db()
            tasks.prepare_soon(draft)
        return _("They are many: a task adds them. This page shows it when it is done.")
    number = audience_changes.add(draft, people=people)
    text = ngettext("%(number)s person is added.", "%(number)s people are added.", number)
    return text % {"number": intcomma(number)}


def _count_to_leave_out(draft: MailingOut, people: _People) -> AudienceCount:
    return count_waiting(people, draft=draft)


def _leave_out(draft: MailingOut, people: _People, count: AudienceCount) -> str:
    rows = draft.deliveries.filter(recipient_id__in=people.order_by().values("pk"))
    return left_out_text(audience_changes.leave_out(draft, rows=rows))


def left_out_text(number: int) -> str:
    """Say how many people were left out."""
    if not number:
        return _("Nobody of them was to get a mail: nobody is left out.")
    text = ngettext("%(number)s person is left out.", "%(number)s people are left out.", number)
    return text % {"number": intcomma(number)}


ADD = Change(
    url_name="mailing_out_add_people",
    title=gettext_lazy("Add people to “%(name)s”"),
    lead=gettext_lazy("Who is in it already stays as they are, also who was left out by hand."),
    label=gettext_lazy("Add these people"),
    nobody=gettext_lazy("Nobody new is found. Choose fewer filters, or “all” people."),
    count=_count_to_add,
    act=_add,
)
LEAVE_OUT = Change(
    url_name="mailing_out_leave_out_people",
    title=gettext_lazy("Leave people out of “%(name)s”"),
    lead=gettext_lazy("They stay in the list with the reason, and can be put back."),
    label=gettext_lazy("Leave these people out"),
    nobody=gettext_lazy("Nobody who is to get a mail is found: nobody is left out."),
    count=_count_to_leave_out,
    act=_leave_out,
)
