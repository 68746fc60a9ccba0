"""An email account: a sender identity with its transport, credentials, limits and health."""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from common.fields import EncryptedTextField
from common.models import Base1, Department, OwnedQuerySet
from massmail.models.massmail_settings import MassmailSettings

if TYPE_CHECKING:
    from datetime import date, datetime

    from django.contrib.auth.models import User


class EmailAccountQuerySet(OwnedQuerySet["EmailAccount"]):
    def _owned(self, user: "User") -> Q:
        return Q(owner=user) | Q(co_owner=user)

    def _of_departments(self, user: "User") -> Q:
        return Q(shared=True, department__in=Department.objects.of(user))

    def usable_by(self, user: "User") -> Self:
        """Return the accounts that the user's mailing outs may send with: their own and shared.

        Being a superuser adds none: whose name a mail bears is no question of permission.
        Another person's main account is never among them.
        """
        mine = self._owned(user) | self._of_departments(user)
        return self.filter(mine, Q(main=False) | Q(owner=user))

    def in_rotation_of(self, user: "User") -> Self:
        """Return those that take new recipients: usable, on, not a main account; by id."""
        return self.usable_by(user).filter(massmail=True, main=False).order_by("pk")

    def may_send(self, settings_row: MassmailSettings, now: "datetime") -> Self:
        """Return those that are on, rest for nothing and have something left of today's limit.

        The same as `account_health.hindrance`, for any number of accounts.
        """
        today = settings_row.local_date(now)
        default_is_used_up = Q(
            daily_limit=None,
            kind=EmailAccount.Kind.MAILBOX,
            today_count__gte=settings_row.emails_per_day,
        )
        own_is_used_up = Q(daily_limit__gt=0, today_count__gte=F("daily_limit"))
        return (
            self.filter(massmail=True)
            .filter(Q(cooling_until=None) | Q(cooling_until__lte=now))
            .filter(Q(next_send_at=None) | Q(next_send_at__lte=now))
            .exclude(default_is_used_up | own_is_used_up, today_date=today)
        )


class EmailAccount(Base1):
    """A mailbox (few, human-paced mails) or a relay (as fast as it allows)."""

    class Kind(models.TextChoices):
        MAILBOX = "mailbox", _("mailbox: few mails, at a human pace")
        RELAY = "relay", _("relay: as fast as it allows")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.MAILBOX)
    main = models.BooleanField(
        _("main account"),
        default=False,
        help_text=_("Your personal account: in mailings it writes to VIPs only."),
    )
    massmail = models.BooleanField(_("used for mailings"), default=True)
    shared = models.BooleanField(
        _("shared with the department"),
        default=False,
        help_text=_("Everybody in the department may send with it; its limits count once."),
    )
    co_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="co_owned_email_accounts",
        verbose_name=_("co-owner"),
    )

    transport = models.CharField(_("transport"), max_length=50, default="smtp")
    email_host = models.CharField(_("SMTP host"), max_length=100)
    email_port = models.PositiveIntegerField(
        _("SMTP port"), default=465, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    email_use_tls = models.BooleanField(_("STARTTLS"), default=False)
    email_use_ssl = models.BooleanField(_("TLS from the start"), default=True)
    email_host_user = models.CharField(_("login"), max_length=100, blank=True)
    email_host_password = EncryptedTextField(_("password"), blank=True)
    email_app_password = EncryptedTextField(
        _("app password"), blank=True, help_text=_("Used instead of the password when set.")
    )
    refresh_token = EncryptedTextField(blank=True, editable=False)
    access_token = EncryptedTextField(blank=True, editable=False)  # cached until it expires
    access_token_expires_at = models.DateTimeField(null=True, editable=False)
    from_email = models.CharField(
        _("From"),
        max_length=200,
        help_text=_("An address, or a name and the address in angle brackets."),
    )
    reply_to = models.CharField(_("Reply-To"), max_length=200, blank=True)

    daily_limit = models.PositiveIntegerField(
        _("mails a day"),
        null=True,
        blank=True,
        help_text=_("Blank: the settings' for a mailbox, none for a relay. 0: no limit."),
    )
    per_second = models.FloatField(
        _("mails a second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
        help_text=_("Blank: no limit."),
    )
    gap_min_s = models.PositiveIntegerField(
        _("shortest gap between mails, s"),
        null=True,
        blank=True,
        help_text=_("Blank: the settings' for a mailbox, none for a relay."),
    )
    gap_max_s = models.PositiveIntegerField(
        _("longest gap between mails, s"), null=True, blank=True
    )
    spread_over_day = models.BooleanField(
        _("spread over the day"),
        default=False,
        help_text=_("Waits longer between mails, so that the day's limit lasts until its end."),
    )
    connections = models.PositiveSmallIntegerField(
        _("connections"), default=1, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )

    # Health and pace, written by the engine with narrow updates.
    off_reason = models.CharField(max_length=40, blank=True, editable=False)  # a Decision.why
    off_at = models.DateTimeField(null=True, editable=False)
    cooling_until = models.DateTimeField(null=True, editable=False)
    cooling_reason = models.CharField(max_length=40, blank=True, editable=False)  # the same
    cooling_count = models.PositiveIntegerField(default=0, editable=False)
    told_reason = models.CharField(  # of the last notice
        max_length=40, blank=True, default="", db_default="", editable=False
    )
    told_at = models.DateTimeField(null=True, editable=False)
    trouble_reply = models.TextField(blank=True, editable=False)  # the server's own words
    slow_per_second = models.FloatField(null=True, editable=False)  # the rate when it was throttled
    slow_since = models.DateTimeField(null=True, editable=False)
    next_send_at = models.DateTimeField(null=True, editable=False)
    today_date = models.DateField(null=True, editable=False)
    today_count = models.PositiveIntegerField(_("sent today"), default=0, editable=False)
    report = models.TextField(_("report"), blank=True, editable=False)

    # The one run that holds the account now.
    run_id = models.UUIDField(null=True, editable=False)
    run_lease_until = models.DateTimeField(null=True, editable=False, db_index=True)

    objects = EmailAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("email account")
        verbose_name_plural = _("email accounts")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(main=True),
                name="one_main_account_per_owner",
                violation_error_message=_("This owner already has a main account."),
            ),
            models.CheckConstraint(
                condition=Q(email_port__gte=1, email_port__lte=65535), name="email_port_range"
            ),
            models.CheckConstraint(
                condition=~Q(email_use_tls=True, email_use_ssl=True),
                name="starttls_or_tls_not_both",
                violation_error_message=_("Choose STARTTLS or TLS from the start, not both."),
            ),
            models.CheckConstraint(
                condition=Q(gap_min_s=None, gap_max_s=None)
                | Q(
                    gap_min_s__isnull=False,
                    gap_max_s__isnull=False,
                    gap_min_s__lte=F("gap_max_s"),
                ),
                name="gap_range",
                violation_error_message=_("Give both gaps, the shortest not above the longest."),
            ),
            models.CheckConstraint(
                condition=Q(connections__gte=1, connections__lte=50), name="connections_range"
            ),
            models.CheckConstraint(
                condition=Q(per_second=None) | Q(per_second__gt=0), name="per_second_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.owner})"

    def is_set(self, secret: str) -> bool:
        """Tell whether a secret field has a value, without its key."""
        return bool(self.__dict__.get(secret))

    @property
    def has_login(self) -> bool:
        """Whether it logs in when it sends: it has a user and something to prove it with."""
        secrets = ("email_app_password", "email_host_password", "refresh_token")
        return bool(self.email_host_user) and any(map(self.is_set, secrets))

    @property
    def is_connected(self) -> bool:
        """Whether it logs in with OAuth2: what holds a refresh token does.

        Its passwords are not used then.
        """
        return self.transport == "smtp" and self.is_set("refresh_token")

    def effective_daily_limit(self, settings_row: MassmailSettings) -> int | None:
        """Return how many mails may leave a day; None without a limit."""
        if self.daily_limit is not None:
            return self.daily_limit or None
        return settings_row.emails_per_day if self.kind == self.Kind.MAILBOX else None

    def effective_gap_s(self, settings_row: MassmailSettings) -> tuple[int, int]:
        """Return the shortest and longest gap between two mails, in seconds; (0, 0) for none."""
        if self.gap_min_s is not None and self.gap_max_s is not None:
            return self.gap_min_s, self.gap_max_s
        if self.kind == self.Kind.MAILBOX:
            return settings_row.gap_min_s, settings_row.gap_max_s
        return 0, 0

    def used_on(self, today: "date") -> int:
        """Return how many mails of this day's limit are used or reserved."""
        return self.today_count if self.today_date == today else 0

    def allowance_left(self, settings_row: MassmailSettings, today: "date") -> int | None:
        """Return how many mails may still leave today; None without a limit."""
        limit = self.effective_daily_limit(settings_row)
        return None if limit is None else max(0, limit - self.used_on(today))
