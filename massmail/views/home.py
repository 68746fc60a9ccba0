"""The first page: what runs, what waits for whom, what to do first; for operators the machinery."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from massmail.clock import database_now
from massmail.models import (
    DeliveryAttempt,
    EmailAccount,
    MailingOut,
    MassmailSettings,
)
from massmail.services import installation, words
from massmail.services.scene import Scene, scene_of
from massmail.services.smtp_replies import Action
from massmail.services.status import (
    AccountStatus,
    WorkerStatus,
    accounts_in_trouble,
    worker_status,
)
from massmail.views import first_steps
from massmail.views.access import user_of
from massmail.views.mailing_out_line import MailingOutLine, line_of, needing_somebody

SHOWN = 8  # mailing outs in each list
ERRORS_READ = 1_000  # the newest attempts
_STATUS = MailingOut.Status
_TROUBLE = (Action.COOLING.value, Action.OFF.value, Action.POLICY.value, Action.UNCERTAIN.value)


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """What went wrong in the last day, how often."""

    text: str
    number: int


@dataclass
class Home:
    """The facts of the first page, each read when the template asks for it."""

    user: User
    now: datetime

    @cached_property
    def settings_row(self) -> MassmailSettings:
        """The settings."""
        return MassmailSettings.load()

    @cached_property
    def mailing_outs(self) -> Sequence[MailingOut]:
        """The latest that the user sees, with those first that need somebody or run."""
        return _list_of(self.user)

    @cached_property
    def scene(self) -> Scene:
        """What surrounds them."""
        rows = self.mailing_outs
        return scene_of(rows, self.now, settings_row=self.settings_row, counting=False)

    @cached_property
    def lines(self) -> list[MailingOutLine]:
        """Them in words."""
        return [line_of(each, self.scene) for each in self.mailing_outs]

    @property
    def needing(self) -> list[MailingOutLine]:
        """Those for which somebody has to do something."""
        return [line for line in self.lines if line.needs_somebody]

    @property
    def running(self) -> list[MailingOutLine]:
        """Those that run or will."""
        return [line for line in self.lines if line.is_active and not line.needs_somebody]

    @property
    def drafts(self) -> list[MailingOutLine]:
        """Those that were not started yet."""
        return [line for line in self.lines if line.is_draft and not line.needs_somebody]

    @property
    def results(self) -> list[MailingOutLine]:
        """Those that are over."""
        return [line for line in self.lines if line.is_over and not line.needs_somebody]

    @cached_property
    def accounts_in_trouble(self) -> tuple[AccountStatus, ...]:
        """The user's accounts that are off or rest."""
        if not self.user.has_perm("massmail.view_emailaccount"):
            return ()
        return accounts_in_trouble(EmailAccount.objects.visible_to(self.user), self.now)

    # --- the checklist

    @property
    def may_mail(self) -> bool:
        """Whether the user may make mailing outs."""
        return self.user.has_perm("massmail.add_mailingout")

    @cached_property
    def has_checklist(self) -> bool:
        """Whether the user's first campaign is still to come."""
        return first_steps.is_to_come(self.user)

    @cached_property
    def steps(self) -> list[first_steps.Step]:
        """What leads to a first campaign, ticked as far as it is done."""
        return first_steps.steps_of(self.user)

    # --- for operators

    @property
    def is_operator(self) -> bool:
        """Whether the machinery is shown."""
        return self.user.is_superuser

    @cached_property
    def workers(self) -> list[WorkerStatus]:
        """The parts of the engine on each host."""
        return [worker_status(each, self.now) for each in self.scene.heartbeats]

    @cached_property
    def errors(self) -> list[ErrorCount]:
        """What kept accounts from sending in the last day, most first."""
        newest = DeliveryAttempt.objects.order_by("-pk").values_list("at", "outcome", "why")
        yesterday = self.now - timedelta(days=1)
        found = Counter(
            why or outcome
            for at, outcome, why in newest[:ERRORS_READ]
            if at >= yesterday and outcome in _TROUBLE
        )
        return [ErrorCount(words.of_trouble(why), number) for why, number in found.most_common(8)]


def home_context(request: HttpRequest) -> dict[str, Any]:  # as mixed as a template's context is
    """Return what the first page shows besides the list of apps."""
    user = user_of(request)
    may_look = user.has_perm("massmail.view_mailingout")
    return {"home": Home(user, database_now()) if may_look else None}


def _list_of(user: User) -> list[MailingOut]:
    """Return some of each kind (one statement each, whatever their number)."""
    rows = MailingOut.objects.visible_to(user).select_related(
        "owner", "message", "message_version", "paused_by"
    )
    paused = Q(status=_STATUS.PAUSED)
    kinds: Iterable[Any] = (
        needing_somebody(rows).order_by("-pk"),
        rows.active().order_by("-start_at"),
        rows.filter(paused, started_at__isnull=False).order_by("-pk"),
        rows.filter(paused, started_at=None).order_by("-pk"),
        rows.filter(status__in=[_STATUS.DONE, _STATUS.INTERRUPTED]).order_by("-finished_at"),
    )
    found: dict[int, MailingOut] = {}
    for kind in kinds:
        for each in kind[:SHOWN]:
            found.setdefault(each.pk, each)
    return list(found.values())


@require_POST
def pause_all_sending(request: HttpRequest) -> HttpResponse:
    """Pause all sending of the installation; for operators."""
    user = user_of(request)
    if not user.is_superuser:
        raise PermissionDenied
    note = _("By %(who)s.") % {"who": user.get_full_name() or user.username}
    if installation.pause_all(note=note):
        messages.warning(request, _("All sending is paused. Nothing leaves until you go on."))
    else:
        messages.info(request, _("All sending was paused already."))
    return _back(request)


@require_POST
def resume_all_sending(request: HttpRequest) -> HttpResponse:
    """Let sending go on; for operators."""
    if not user_of(request).is_superuser:
        raise PermissionDenied
    if installation.resume_all():
        messages.success(request, _("Sending goes on."))
    else:
        messages.info(request, _("Sending was not paused."))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """Return to the page of this site from which it was asked."""
    came_from = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, allowed_hosts=None)
    return redirect(came_from if is_ours and came_from.startswith("/") else "admin:index")
