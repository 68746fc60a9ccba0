"""The app's configuration. Nothing runs at import: Celery beat starts all work."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MassmailConfig(AppConfig):
    name = "massmail"
    verbose_name = _("Mass mailing")
