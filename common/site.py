"""The one admin site: staff see their work, superusers also the raw models."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from common.forms import LoginForm


class MassmailAdminSite(AdminSite):
    """The site; an app may say what its first page shows besides the list of apps."""

    first_page: Callable[[HttpRequest], dict[str, Any]] | None = None  # as mixed as a context is

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

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the first page."""
        context = self.first_page(request) if self.first_page else {}
        return super().index(request, {**context, **(extra_context or {})})
