"""The app's configuration, and the admin site that stands for Django's own."""

import importlib

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class CommonConfig(AppConfig):
    """What every app shares."""

    name = "common"
    verbose_name = _("People and departments")

    def ready(self) -> None:
        """Note every login from now on."""
        importlib.import_module("common.sessions")


class MassmailAdminConfig(admin_apps.AdminConfig):
    """Django's admin with this project's site."""

    # CommonConfig is the app of this package; a class AdminConfig in this module would be another.
    default = False
    default_site = "common.site.MassmailAdminSite"
