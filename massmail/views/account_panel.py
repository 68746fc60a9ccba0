"""What an account's page says above the form: how it is, what waits for it, who shares it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.contrib.auth.models import User
from django.db.models import Count
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from massmail.models import AccountShare, Delivery, EmailAccount, MailingOut, MassmailSettings
from massmail.services import pace, send_window
from massmail.services.account_health import hindrance
from massmail.services.blockers import moment
from massmail.views.account_state import AccountState, state_of
from massmail.views.get_oauth2_tokens import Connection, connection_of
from massmail.views.progress import people_url

MAILING_OUTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Work:
    """A mailing out that the account works for; without a name if the user may not see it."""

    name: str
    number: int = 0
    url: str = ""


@dataclass
class AccountPanel:
    """The facts about one account at one moment, each read when a template asks for it."""

    account: EmailAccount
    user: User
    now: datetime
    can_change: bool
    settings_row: MassmailSettings = field(default_factory=MassmailSettings.load)

    @cached_property
    def state(self) -> AccountState:
        """How it is, in words."""
        return state_of(self.account, self.settings_row, self.now)

    @property
    def connection(self) -> Connection | None:
        """How it signs in at its provider; None if none is known for its server."""
        return connection_of(self.account)

    # --- what waits, and what was sent

    @cached_property
    def waiting(self) -> list[Work]:
        """The mailing outs with people who wait for this account, most first."""
        return [self._work(mailing_out, "waiting", number) for mailing_out, number in self._pending]

    @property
    def waiting_number(self) -> int:
        """How many people wait for this account."""
        return sum(number for _mailing_out, number in self._pending)

    @cached_property
    def _pending(self) -> list[tuple[MailingOut, int]]:
        return pending_of(self.account)

    @cached_property
    def served_today(self) -> list[Work]:
        """The mailing outs that it has served today, the last one first."""
        midnight = send_window.next_day_at(self.settings_row, self.now) - timedelta(days=1)
        shares = AccountShare.objects.filter(email_account=self.account, served_at__gte=midnight)
        shares = shares.select_related("mailing_out").order_by("-served_at")
        return [self._work(share.mailing_out, "sent") for share in shares[:MAILING_OUTS_SHOWN]]

    def _work(self, mailing_out: MailingOut, state: str, number: int = 0) -> Work:
        if mailing_out.pk not in self._visible:
            return Work(_("a colleague's mailing out"), number)
        return Work(mailing_out.name, number, people_url(mailing_out.pk, state))

    @cached_property
    def _visible(self) -> set[int]:
        shares = AccountShare.objects.filter(email_account=self.account)
        seen = MailingOut.objects.visible_to(self.user).filter(pk__in=shares.values("mailing_out"))
        return set(seen.values_list("pk", flat=True))

    # --- when it sends next

    @property
    def next_mail(self) -> str:
        """When its next mail could leave."""
        if self.settings_row.paused_at is not None:
            return _("all sending is paused")
        if not any(mailing_out.is_active for mailing_out, _number in self._pending):
            return _("no mail waits to be sent")
        found = hindrance(self.account, self.settings_row, self.now)
        if found is not None and found.until is None:
            return _("when it is switched on")
        at = max(self.now, found.until) if found and found.until else self.now
        at = send_window.opens_at(self.settings_row, at) or at
        return _("now") if at <= self.now else moment(at)

    @property
    def even_gap(self) -> str:
        """How far apart its mails leave today if they are spread over the day."""
        gap_s = pace.even_gap_s(self.account, self.settings_row, self.now)
        if gap_s is None:
            return ""
        gap_s = max(gap_s, self.account.effective_gap_s(self.settings_row)[1])
        return timesince(self.now - timedelta(seconds=max(60, gap_s)), self.now, depth=1)

    # --- whose it is

    @property
    def shared_with(self) -> str:
        """Who sends with it besides its owner; empty: nobody."""
        return shared_with(self.account)

    @property
    def bounce_address(self) -> str:
        """Where mails come back to that could not be delivered."""
        return self.account.from_email.rpartition("<")[2].rstrip("> ")


def shared_with(account: EmailAccount) -> str:
    """Return in words who sends with an account besides its owner; empty: nobody."""
    names = []
    if account.shared and account.department is not None:
        names.append(_("everybody in %(department)s") % {"department": account.department})
    if account.co_owner is not None:
        names.append(account.co_owner.get_full_name() or account.co_owner.username)
    return ", ".join(names)


def pending_of(account: EmailAccount) -> list[tuple[MailingOut, int]]:
    """Return the started mailing outs with people who wait for an account, most first (SQL)."""
    over = (MailingOut.Status.INTERRUPTED, MailingOut.Status.DONE)
    open_ones = MailingOut.objects.filter(started_at__isnull=False, pending_count__gt=0)
    rows = (
        Delivery.objects.filter(email_account=account, status=Delivery.Status.PENDING)
        .filter(mailing_out__in=open_ones.exclude(status__in=over).values("pk"))
        .order_by()
        .values_list("mailing_out")
        .annotate(number=Count("pk"))
    )
    numbers = dict(rows)
    found = MailingOut.objects.in_bulk(list(numbers))
    return sorted(
        ((found[pk], number) for pk, number in numbers.items()),
        key=lambda each: (-each[1], each[0].pk),
    )
