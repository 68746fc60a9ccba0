"""Heartbeats: which host runs which part of the engine, and when it last said so."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """The last sign of life of one role on one host."""

    class Role(models.TextChoices):
        BEAT = "beat", _("beat")
        CONTROL = "control", _("control worker")
        DELIVERIES = "deliveries", _("deliveries worker")
        TICK = "tick", _("tick: beat, broker and control worker together")

    host = models.CharField(_("host"), max_length=200)
    role = models.CharField(_("part"), max_length=10, choices=Role)
    version = models.CharField(_("version"), max_length=50)
    key_fingerprint = models.CharField(_("key"), max_length=64)
    clock_offset_s = models.FloatField(_("clock ahead of the database, s"), default=0)
    seen_at = models.DateTimeField(_("seen"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        ordering = ["host", "role"]
        constraints = [
            models.UniqueConstraint(fields=["host", "role"], name="one_heartbeat_per_part")
        ]

    def __str__(self) -> str:
        return f"{self.role} on {self.host}"
