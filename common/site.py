"""The one admin site: staff see their work, superusers also the raw models."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from common.forms import LoginForm


class MassmailAdminSite(AdminSite):
    site_header = _("Massmail")
    site_title = _("Massmail")
    index_title = _("Home")
    site_url = None  # the admin is the site
    login_form = LoginForm

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add to every page the way to the local mailbox, where there is one."""
        context = super().each_context(request)
        if settings.MASSMAIL_MAILBOX_FILE:
            context["mailbox_url"] = reverse("mailbox")
        return context
