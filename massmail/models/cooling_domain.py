"""A recipient domain to which one account sends nothing for a while, because it asked for less."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from massmail.models.email_account import EmailAccount


class CoolingDomain(models.Model):
    """One domain at one account: what it says to one sender is not true of another."""

    email_account = models.ForeignKey(
        EmailAccount, on_delete=models.CASCADE, related_name="cooling_domains", db_index=False
    )
    domain = models.CharField(_("domain"), max_length=253)
    until = models.DateTimeField(_("until"))
    why = models.CharField(max_length=40, blank=True)  # a Decision.why
    count = models.PositiveIntegerField(default=1)  # refusals since it last took a mail

    class Meta:
        verbose_name = _("resting domain")
        verbose_name_plural = _("resting domains")
        constraints = [
            models.UniqueConstraint(
                fields=["email_account", "domain"], name="one_rest_a_domain_and_account"
            )
        ]

    def __str__(self) -> str:
        return f"{self.email_account_id}: {self.domain}"
