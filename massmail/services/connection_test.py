"""Trying an account's connection: name, TCP, TLS and login, each with its time and what to do.

Uses the transport that sends, and changes nothing.
"""

import enum
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.fields import SecretUnreadable
from massmail.backends import open_watched
from massmail.backends.base import (
    Fault,
    Stage,
    Step,
    Transport,
    TransportError,
    WatchedOpening,
)
from massmail.models import EmailAccount
from massmail.services import outcomes, words
from massmail.services.access_tokens import make_connection
from massmail.services.short_wait import ShortWatch, as_seen
from massmail.services.smtp_replies import decide

logger = logging.getLogger(__name__)

LIMIT_S = 12  # with the last wait of a transport and the good-bye less than 20 s

LABELS: dict[Step, Promise] = {
    Step.NAME: gettext_lazy("Find the server by its name"),
    Step.CONNECT: gettext_lazy("Connect"),
    Step.TLS: gettext_lazy("Make the connection safe (TLS)"),
    Step.LOGIN: gettext_lazy("Log in"),
}
_NO_ANSWER = gettext_lazy(
    "Nothing answered in time. Check host and port; a firewall may be in the way."
)
_NOT_TLS = gettext_lazy(
    "The server does not speak TLS at this port as you chose it. Port 465 has TLS from the "
    "start, 587 and 25 have STARTTLS."
)
ADVICE: dict[tuple[Step, Fault], Promise] = {
    (Step.NAME, Fault.DNS): gettext_lazy("This name has no address. Check how the host is spelt."),
    (Step.NAME, Fault.FORBIDDEN_HOST): gettext_lazy(
        "This host or port may not be used here: mail goes to public servers, at the ports 25, "
        "465, 587 and 2525. Ask an administrator if you need another."
    ),
    (Step.CONNECT, Fault.REFUSED): gettext_lazy(
        "Nothing listens at this port. Check host and port: 465 and 587 are the usual ones."
    ),
    (Step.CONNECT, Fault.TIMEOUT): _NO_ANSWER,
    (Step.CONNECT, Fault.STALLED): _NO_ANSWER,
    (Step.CONNECT, Fault.DISCONNECTED): gettext_lazy(
        "The server hung up at once. If the port is 465, choose TLS from the start."
    ),
    (Step.CONNECT, Fault.GARBAGE): gettext_lazy(
        "What answers there is no mail server. Check host and port."
    ),
    (Step.TLS, Fault.TLS): gettext_lazy(
        "TLS failed: the server's certificate is not valid for this name, or it speaks no TLS at "
        "this port. Port 465 has TLS from the start, 587 and 25 have STARTTLS."
    ),
    (Step.TLS, Fault.CAPABILITY): gettext_lazy(
        "The server does not offer STARTTLS here. Try TLS from the start with port 465."
    ),
    (Step.TLS, Fault.DISCONNECTED): _NOT_TLS,
    (Step.TLS, Fault.STALLED): _NOT_TLS,
    (Step.TLS, Fault.TIMEOUT): _NOT_TLS,
    (Step.LOGIN, Fault.TLS): gettext_lazy(
        "A password never leaves without TLS. Choose TLS from the start, or STARTTLS."
    ),
    (Step.LOGIN, Fault.CAPABILITY): gettext_lazy(
        "The server takes no password here, or not in a way that we know. Some offer it only "
        "after STARTTLS."
    ),
    (Step.LOGIN, Fault.STALLED): gettext_lazy("The server let us wait too long. Try again later."),
}


class State(enum.StrEnum):
    """What became of a step."""

    DONE = "done"
    FAILED = "failed"
    UNNEEDED = "unneeded"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step: what became of it, how long it took, and what to do."""

    step: Step
    state: State
    text: str = ""
    reply: str = ""  # the server's own words
    took_ms: int | None = None

    @property
    def label(self) -> str:
        """What the step does."""
        return str(LABELS[self.step])


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """All steps of one try."""

    steps: tuple[StepReport, ...]

    @property
    def is_good(self) -> bool:
        """Whether the account could send."""
        return all(each.state in {State.DONE, State.UNNEEDED} for each in self.steps)


def check_connection(
    account: EmailAccount,
    *,
    shows_greetings: bool = False,
    make: Callable[[EmailAccount], Transport] = make_connection,
    clock: Callable[[], float] = time.monotonic,
    limit_s: float = LIMIT_S,
) -> ConnectionReport:
    """Open the account's connection as a run does, say good-bye, and report; network, below 20 s.

    What a server says before a login is told only with `shows_greetings`: a host is typed by a
    person, and must not become a way to look into other people's networks.
    """
    attempt = _Attempt(account, clock)
    try:
        transport = make(account)
        attempt.is_stepwise = isinstance(transport, WatchedOpening)
        try:
            open_watched(transport, ShortWatch(limit_s, clock), attempt.done)
        finally:
            transport.close()
    except TransportError as error:
        reply = outcomes.verbatim(error.reply, error.fault) if error.reply else ""
        may_tell = shows_greetings or error.stage is Stage.AUTH
        attempt.fail(attempt.advice(error), reply if may_tell else "")
    except SecretUnreadable:
        attempt.fail(words.of_trouble(words.KEY))
    except Exception:  # the border to transports of other apps
        logger.exception("account %d: its connection could not be tried", account.pk)
        attempt.fail(_("The connection broke in a way that we do not know. The log tells more."))
    return ConnectionReport(tuple(attempt.reports()))


@dataclass
class _Attempt:
    """One try, step by step."""

    account: EmailAccount
    clock: Callable[[], float]
    is_stepwise: bool = True
    _last_s: float = field(init=False)
    _took_ms: dict[Step, int] = field(default_factory=dict)
    _failure: StepReport | None = None

    def __post_init__(self) -> None:
        self._last_s = self.clock()

    def done(self, step: Step) -> None:
        """Note how long a step took."""
        now_s = self.clock()
        self._took_ms[step] = round((now_s - self._last_s) * 1000)
        self._last_s = now_s

    def fail(self, text: str, reply: str = "") -> None:
        """Note where it ended, and why."""
        self._failure = StepReport(self.missed, State.FAILED, text, reply)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that the transport can tell."""
        return tuple(Step) if self.is_stepwise else (Step.LOGIN,)

    @property
    def missed(self) -> Step:
        """The step at which it ended: the first that is needed and not done."""
        missed = [s for s in self.steps if s not in self._took_ms and self._needs(s)]
        return missed[0] if missed else self.steps[-1]

    def advice(self, error: TransportError) -> str:
        """Return what went wrong and what to do."""
        fault = as_seen(error.fault)
        if (self.missed, fault) in ADVICE:
            return str(ADVICE[self.missed, fault])
        return words.of_trouble(decide(error.stage, error.reply, fault).why)

    def reports(self) -> Iterator[StepReport]:
        """Yield what became of each step."""
        for step in self.steps:
            if self._failure is not None and self._failure.step is step:
                yield self._failure
            elif step in self._took_ms:
                yield StepReport(step, State.DONE, self._note(step), took_ms=self._took_ms[step])
            elif not self._needs(step):
                yield StepReport(step, State.UNNEEDED, self._note(step))
            else:
                yield StepReport(step, State.NOT_REACHED)

    def _needs(self, step: Step) -> bool:
        return step is not Step.TLS or self.account.email_use_ssl or self.account.email_use_tls

    def _note(self, step: Step) -> str:
        """Return what to know about a step that went well, or is not taken."""
        if step is Step.TLS and not self._needs(step):
            return _("Mails travel where others on the way can read them.")
        if step is Step.LOGIN and self.is_stepwise and not self.account.has_login:
            return _("No login or no password is set: the server welcomes us without.")
        return ""
