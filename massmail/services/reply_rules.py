"""The form of the table of replies: what a row asks for, and what it decides.

The rows themselves are in `reply_table`, the function that reads them in `smtp_replies`.
"""

import enum
import re
from dataclasses import dataclass

from massmail.backends.base import Fault, Stage


class Action(enum.StrEnum):
    """What the ledger does with the mail and its account."""

    SENT = "sent"
    LATER = "later"  # the same recipient again, with a growing delay
    FAILED = "failed"  # this recipient, for good
    COOLING = "cooling"  # the account rests; the recipient is not charged
    OFF = "off"  # the account is switched off; the recipient is not charged
    POLICY = "policy"  # counts towards pausing the mailing out
    UNCERTAIN = "uncertain"  # it may have been accepted


class Repeated(enum.StrEnum):
    """A trouble of an address that suppresses it only when it comes again and again."""

    NONE = ""
    DOMAIN = "domain"  # its domain does not exist
    INACTIVE = "inactive"  # the mailbox is not in use
    SOFT = "soft"  # full, or nobody took the mail in time


@dataclass(frozen=True, slots=True)
class Decision:
    """The action, and for a failed or refused mail the reason (a ``FailReason`` value).

    ``suppress`` means that the address is not to be written to again. ``why`` is the stable key
    of the row that decided.
    """

    action: Action
    reason: str = ""
    suppress: bool = False
    why: str = ""
    repeated: Repeated = Repeated.NONE  # what is counted for the address if the mail fails
    retries: int | None = None  # given up after so many; None: by the schedule
    rests_account: bool = False  # the account rests, whatever becomes of the mail
    rests_domain: bool = False  # this account's mails to the recipient's domain rest
    rest_s: int = 0  # the least time that account or domain rest
    slows: bool = False  # the account sends slower for some hours
    pauses: bool = False  # the mailing out, at once
    alerts: bool = False  # owner and admins are told


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply in the form in which rows read it: code, enhanced code, text on one line."""

    code: str = ""
    enhanced: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: all that is given must fit; what is left out fits everything.

    ``codes`` are prefixes of the basic code (``"4"``, ``"45"``, ``"550"``). ``enhanced`` are
    patterns in which ``*`` stands for any number; ``""`` fits a reply without one.
    """

    decision: Decision
    stages: frozenset[Stage]
    faults: frozenset[Fault] = frozenset({Fault.NONE})
    codes: tuple[str, ...] = ("",)
    enhanced: tuple[str, ...] = ()
    text: re.Pattern[str] | None = None

    def fits(self, stage: Stage, answer: Answer, fault: Fault) -> bool:
        """Tell whether the row is about this outcome."""
        if stage not in self.stages or fault not in self.faults:
            return False
        if fault is not Fault.NONE:
            return True
        return (
            answer.code.startswith(self.codes)
            and (not self.enhanced or _matches(self.enhanced, answer.enhanced))
            and (self.text is None or self.text.search(answer.text) is not None)
        )


def _matches(patterns: tuple[str, ...], enhanced: str) -> bool:
    """Tell whether an enhanced code fits one of the patterns, such as ``5.7.*``."""
    parts = enhanced.split(".")
    return any(
        len(parts) == len(wanted)
        and all(w in ("*", part) for w, part in zip(wanted, parts, strict=True))
        for wanted in (pattern.split(".") for pattern in patterns)
    )
