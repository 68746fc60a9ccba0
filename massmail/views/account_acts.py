"""What is done to an account from its page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from massmail.models import EmailAccount
from massmail.services import account_health
from massmail.views.access import changeable_or_403


@require_POST
def email_account_switch_on(request: HttpRequest, account_id: int) -> HttpResponse:
    """Let an account that is off, or rests, send again."""
    account = changeable_or_403(request, EmailAccount, account_id)
    account_health.switch_on(account)
    messages.success(request, _("%(name)s is on: it sends again.") % {"name": account.name})
    return redirect("admin:massmail_emailaccount_change", account.pk)
