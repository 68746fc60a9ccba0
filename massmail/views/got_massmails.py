"""The mailings that one recipient got: a page for each recipient type."""

from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from massmail.forms.radio_select_form import may_view
from massmail.models import Delivery, MailingOut, Recipient, people_visible_to
from massmail.views.access import user_of

MAILINGS_A_PAGE = 50


@require_safe
def got_massmails(request: HttpRequest, recipient_id: int, model: type[Recipient]) -> HttpResponse:
    """List what was to go to a recipient whom the user may see, the newest first.

    Mailing outs that the user may not see are counted, not named.
    """
    user = user_of(request)
    if not may_view(user, model):
        raise PermissionDenied
    person: Any = get_object_or_404(people_visible_to(user, model), pk=recipient_id)
    started = MailingOut.objects.started().filter(
        content_type=ContentType.objects.get_for_model(model)
    )
    rows = Delivery.objects.filter(recipient_id=person.pk)
    shown = rows.filter(mailing_out__in=started.visible_to(user)).order_by("-mailing_out_id")
    page = Paginator(
        shown.select_related("mailing_out__owner", "mailing_out__message_version"),
        MAILINGS_A_PAGE,
    ).get_page(request.GET.get("page"))
    everything = rows.filter(mailing_out__in=started).count()
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _("Mailings"),
        "subtitle": person.display_name,
        "person": person,
        "person_url": _person_url(person),
        "people_word": model._meta.verbose_name_plural,
        "page": page,
        "unseen": everything - page.paginator.count,
    }
    return TemplateResponse(request, "massmail/audience/got_massmails.html", context)


def _person_url(person: Recipient) -> str:
    """Return the person's page in the admin; empty if their type has none."""
    if type(person) not in admin.site._registry:
        return ""
    meta = person._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[person.pk])
