"""What is done to an account from its page."""

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from massmail.models import EmailAccount
from massmail.services import account_health
from massmail.services.connection_test import check_connection
from massmail.views.access import changeable_or_403, user_of

PARTIAL = "fragment"  # a header's value: a script asks for the result alone


@require_POST
def email_account_switch_on(request: HttpRequest, account_id: int) -> HttpResponse:
    """Let an account that is off, or rests, send again."""
    account = changeable_or_403(request, EmailAccount, account_id)
    account_health.switch_on(account)
    messages.success(request, _("%(name)s is on: it sends again.") % {"name": account.name})
    return redirect("admin:massmail_emailaccount_change", account.pk)


@require_POST
def email_account_switch_off(request: HttpRequest, account_id: int) -> HttpResponse:
    """Let an account send nothing more, until somebody switches it on."""
    account = changeable_or_403(request, EmailAccount, account_id)
    account_health.switch_off_by_hand(account.pk, by=user_of(request), now=timezone.now())
    text = _("%(name)s is off: no mail leaves from it until it is switched on.")
    messages.success(request, text % {"name": account.name})
    return redirect("admin:massmail_emailaccount_change", account.pk)


@require_POST
def email_account_test_connection(request: HttpRequest, account_id: int) -> HttpResponse:
    """Try the connection of an account as it was saved last, and show each step."""
    account = changeable_or_403(request, EmailAccount, account_id)
    report = check_connection(account, shows_greetings=user_of(request).is_superuser)
    context = {"account": account, "report": report}
    if request.headers.get("X-Requested-With") == PARTIAL:
        return TemplateResponse(request, "massmail/accounts/_connection_test.html", context)
    title = {"title": _("Test of the connection"), "subtitle": account.name}
    context |= {**admin.site.each_context(request), **title}
    return TemplateResponse(request, "massmail/accounts/connection_test.html", context)
