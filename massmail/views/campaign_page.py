"""What the page of a mailing out shows: its four cards and, after the start, its results."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from massmail.forms.send_test_form import SendTestForm, person_key
from massmail.models import (
    Delivery,
    EmailAccount,
    EmlMessage,
    FailReason,
    MailingOut,
    MassmailSettings,
    SkipReason,
)
from massmail.services import forecast, results, versions, words
from massmail.services.forecast import Forecast, Pace
from massmail.services.outlook import pace_of
from massmail.services.scene import Scene, scene_of
from massmail.views.account_state import AccountState, state_of
from massmail.views.account_totals import AccountTotal, account_totals
from massmail.views.alternatives import Alternative, alternatives
from massmail.views.check_card import CheckCard, check_card
from massmail.views.checks import Check, Facts, checks_of
from massmail.views.message_card import MessageCard, message_card
from massmail.views.people import PersonRow, rows_of
from massmail.views.progress import Progress, end_text, people_url, progress_of
from massmail.views.sending_hours import hours_of

PREVIEWED_PEOPLE = 5
SOON = timedelta(minutes=2)
A_MINUTE = timedelta(minutes=1)
MESSAGES_OFFERED = 100  # the newest

ADVICE: dict[str, Promise] = {
    FailReason.ADDRESS: gettext_lazy("Correct these addresses, or leave them: they do not exist."),
    FailReason.TEMPORARY: gettext_lazy("Their servers took no mail for days. Try again later."),
    FailReason.POLICY: gettext_lazy(
        "The servers distrust the sender. Read their replies, ask your provider, then try again."
    ),
    FailReason.CONTENT: gettext_lazy("The servers take the message for spam. Change it."),
    FailReason.LOCAL: gettext_lazy("Something in these people's data cannot be written in a mail."),
    FailReason.POISON: gettext_lazy("Tell an operator: building these mails ended the program."),
    FailReason.SMTPUTF8: gettext_lazy("Your server cannot write to such addresses."),
    FailReason.EXPIRED: gettext_lazy("The time was over. Send to them in a new mailing out."),
}


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many people are in a state for one reason."""

    label: str
    number: int
    url: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account with what it has of the mailing out."""

    account: EmailAccount
    state: AccountState
    people_waiting: int
    is_visible: bool
    waiting_text: str  # as above, or "more than"


@dataclass
class CampaignPage:
    """The facts of one mailing out at one moment, each read when a template asks for it."""

    mailing_out: MailingOut
    user: User
    now: datetime
    can_change: bool
    settings_row: MassmailSettings = field(default_factory=MassmailSettings.load)

    @cached_property
    def state(self) -> MailingOut.State:
        """The state as a word."""
        return self.mailing_out.state_at(self.now)

    @property
    def is_draft(self) -> bool:
        """Whether it can still be changed and started."""
        return self.state is MailingOut.State.DRAFT

    @property
    def is_preparing(self) -> bool:
        """Whether a task is writing its audience or making its start."""
        return self.state is MailingOut.State.PREPARING

    @property
    def is_active(self) -> bool:
        """Whether it can be paused."""
        return self.mailing_out.is_active and not self.is_preparing

    @property
    def is_paused(self) -> bool:
        """Whether it can be resumed."""
        return self.state is MailingOut.State.PAUSED

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in {MailingOut.State.DONE, MailingOut.State.CANCELLED}

    @cached_property
    def progress(self) -> Progress:
        """The progress card."""
        return progress_of(self.mailing_out, self.user, self.now, scene=self.scene)

    @cached_property
    def scene(self) -> Scene:
        """What surrounds the mailing out."""
        return scene_of([self.mailing_out], self.now, settings_row=self.settings_row)

    @property
    def has_history(self) -> bool:
        """Whether something was sent or tried, so that there is a chart."""
        return self.mailing_out.sent_count > 0 or self.mailing_out.attempts_count > 0

    # --- audience

    @property
    def to_send(self) -> int:
        """How many people are not left out."""
        return self.mailing_out.recipients_number - self.mailing_out.skipped_count

    @property
    def people_word(self) -> str:
        """What its recipients are called."""
        return str(self.mailing_out.recipient_model._meta.verbose_name_plural)

    @cached_property
    def left_out(self) -> list[ReasonCount]:
        """Who is left out, by reason, most first."""
        return self._reasons("left-out", SkipReason)

    @cached_property
    def failures(self) -> list[ReasonCount]:
        """Who failed, by reason, most first, with what to do."""
        return self._reasons("failed", FailReason)

    def _reasons(
        self, state: str, reasons: type[SkipReason] | type[FailReason]
    ) -> list[ReasonCount]:
        found = [each for each in self._numbers_by_reason if each[0] in reasons.values]
        return [
            ReasonCount(
                label=str(reasons(reason).label),
                number=number,
                url=people_url(self.mailing_out.pk, state, reason),
                advice=str(ADVICE.get(reason, "")),
            )
            for reason, number in found
        ]

    @cached_property
    def _numbers_by_reason(self) -> list[tuple[str, int]]:
        numbers = results.numbers_by_reason(self.mailing_out)
        return sorted(numbers.items(), key=lambda each: (-each[1], each[0]))

    # --- message

    @cached_property
    def message(self) -> MessageCard:
        """The message as the card shows it."""
        return message_card(self.mailing_out, self.first_people)

    @cached_property
    def has_newer_message(self) -> bool:
        """Whether the message is another now than what those who still wait would get."""
        version, message = self.mailing_out.message_version, self.mailing_out.message
        if version is None or message is None or not (self.is_active or self.is_paused):
            return False
        return not versions.is_current(version, message)

    @cached_property
    def choices(self) -> Iterable[EmlMessage]:
        """The messages that can be chosen instead."""
        messages = EmlMessage.objects.visible_to(self.user).select_related("owner")
        return messages.order_by("-pk")[:MESSAGES_OFFERED]

    @cached_property
    def first_people(self) -> list[PersonRow]:
        """A few people for whom the message can be looked at."""
        rows = self.mailing_out.deliveries.exclude(status=Delivery.Status.SKIPPED)
        return rows_of(self.mailing_out, rows.order_by("recipient_id")[:PREVIEWED_PEOPLE])

    @property
    def send_test(self) -> SendTestForm:
        """The form of a test mail, as one of the people."""
        model = self.mailing_out.recipient_model
        people = [
            (person_key(model, row.delivery.recipient_id), row.name) for row in self.first_people
        ]
        return SendTestForm(self.user, people=people)

    # --- sending

    @cached_property
    def accounts(self) -> list[AccountLine]:
        """The owner's accounts with what they still have to send."""
        usable = EmailAccount.objects.usable_by(self.mailing_out.owner).select_related("owner")
        visible = set(EmailAccount.objects.visible_to(self.user).values_list("pk", flat=True))
        waiting = self._waiting
        return [
            AccountLine(
                account=account,
                state=state_of(account, self.settings_row, self.now),
                people_waiting=waiting.get(account.pk, (0, ""))[0],
                waiting_text=waiting.get(account.pk, (0, "0"))[1],
                is_visible=account.pk in visible,
            )
            for account in usable.order_by("main", "pk")
        ]

    @cached_property
    def _waiting(self) -> dict[int | None, tuple[int, str]]:
        """How many people wait for each account, as a number and in words."""
        if not self.is_draft:
            rows = self.scene.waiting.get(self.mailing_out.pk, [])
            return {each.account.pk: (each.pending, each.number_text) for each in rows}
        numbers = results.waiting_by_account(self.mailing_out)
        return {account: (number, intcomma(number)) for account, number in numbers.items()}

    @property
    def people_without_account(self) -> int:
        """How many people of a draft have no account that would write to them."""
        return self._waiting.get(None, (0, ""))[0]

    @cached_property
    def totals(self) -> list[AccountTotal]:
        """What each account has done, once all is over."""
        return account_totals(self.mailing_out)

    # --- when it will be done

    @cached_property
    def paces(self) -> list[Pace]:
        """How fast each account gets on with what it has of a draft."""
        return [
            pace_of(line.account, line.people_waiting, self.scene)
            for line in self.accounts
            if line.people_waiting
        ]

    @cached_property
    def course(self) -> Forecast:
        """The expected course of a draft, if it started now."""
        return forecast.foresee(self.paces, self.settings_row, self.now)

    @property
    def end_text(self) -> str:
        """About when a draft that is started now would be done."""
        return end_text(self.course, self.now)

    @property
    def first_text(self) -> str:
        """When the first mail of a draft that is started now would leave."""
        first_at = self.course.first_at
        soon = first_at is None or first_at <= self.now + SOON
        return "" if soon or first_at is None else words.day_of(first_at, self.now)

    @cached_property
    def alternatives(self) -> list[Alternative]:
        """What would bring the end forward by a day or more."""
        return list(alternatives(self.paces, self.course, self.settings_row, self.now))

    @property
    def sending_hours(self) -> str:
        """The sending hours in words; empty if mail leaves at any time."""
        return hours_of(self.settings_row)

    # --- checks and results

    @cached_property
    def check_card(self) -> CheckCard:
        """What the check of every recipient says."""
        return check_card(self.mailing_out, self.message, self.now)

    @cached_property
    def checks(self) -> list[Check]:
        """What forbids the start, then what to know before it."""
        order = ("forbids", "warns", "well")
        return sorted(self._found_checks(), key=lambda check: order.index(check.kind))

    def _found_checks(self) -> Iterator[Check]:
        facts = Facts(
            mailing_out=self.mailing_out,
            message=self.message,
            accounts=[line.account for line in self.accounts],
            without_account=self.people_without_account,
            audience_check=self.check_card,
            already_received=dict(self._numbers_by_reason).get(SkipReason.ALREADY_RECEIVED, 0),
            settings_row=self.settings_row,
            now=self.now,
        )
        return checks_of(facts)

    @property
    def is_ready(self) -> bool:
        """Whether there is nothing but good news."""
        return all(check.is_well for check in self.checks)

    @property
    def can_start(self) -> bool:
        """Whether nothing forbids the start."""
        return self.is_draft and not any(check.forbids for check in self.checks)

    @property
    def duration_text(self) -> str:
        """How long it took from the start to the end, in words."""
        start, end = self.mailing_out.start_at, self.mailing_out.finished_at
        if not start or not end or end <= start:
            return ""
        return timesince(start, end) if end - start >= A_MINUTE else _("less than a minute")
