"""Where a new mailing out begins: with the question to whom it goes."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from massmail.forms.radio_select_form import (
    RadioSelectForm,
    RecipientType,
    recipient_types_for,
)
from massmail.views.access import user_of


@require_http_methods(["GET", "HEAD", "POST"])
def select_recipient_type(request: HttpRequest) -> HttpResponse:
    """Ask for the type of recipient, and lead to its filter form. Writes nothing."""
    user = user_of(request)
    if not user.has_perm("massmail.add_mailingout"):
        raise PermissionDenied
    types = recipient_types_for(user)
    form = RadioSelectForm(types, request.POST if request.method == "POST" else None)
    if form.is_valid():
        return redirect(f"{form.cleaned_data['recipient_type']}_make_massmail")
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _("New mailing out"),
        "form": form,
        "types": types,
        "chosen": form.data.get("recipient_type") or _likeliest(types),
    }
    return TemplateResponse(request, "massmail/audience/select_recipient_type.html", context)


def _likeliest(types: list[RecipientType]) -> str:
    """Return the type that has most people."""
    return max(types, key=lambda each: each.number).value if types else ""
