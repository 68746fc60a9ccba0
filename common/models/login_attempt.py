"""Failed logins: how many of late for one name and one address, and until when it waits."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class LoginAttempt(models.Model):
    """One row for each user name, and for each address, that failed of late."""

    key = models.CharField(max_length=64, unique=True)  # a keyed digest: no name, no address
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)
    blocked_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("failed login")
        verbose_name_plural = _("failed logins")

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.failures}"
