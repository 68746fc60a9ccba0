"""What an SMTP outcome means: one pure function over one table.

A row says where (stages), what (codes, enhanced codes, text) and so which action. The table is
read from the top: faults first, then rules by text, by enhanced code, by basic code, and last
the default of each stage, so that every input has an answer. When in doubt an address is not
suppressed and an account not switched off.
"""

import enum
import re
from dataclasses import dataclass

from massmail.backends.base import BEFORE_BODY, Fault, Reply, Stage


class Action(enum.StrEnum):
    """What the ledger does with the mail and its account."""

    SENT = "sent"
    LATER = "later"  # the same recipient again, with a growing delay
    FAILED = "failed"  # this recipient, for good
    COOLING = "cooling"  # the account rests; the recipient is not charged
    OFF = "off"  # the account is switched off; the recipient is not charged
    POLICY = "policy"  # counts towards pausing the mailing out
    UNCERTAIN = "uncertain"  # it may have been accepted


@dataclass(frozen=True, slots=True)
class Decision:
    """The action, and for a failed or refused mail the reason (a ``FailReason`` value).

    ``suppress`` means that the address is not to be written to again. ``why`` is the stable key
    of the row that decided; ``"authentication"`` pauses a mailing out at once.
    """

    action: Action
    reason: str = ""
    suppress: bool = False
    why: str = ""


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

    def fits(self, stage: Stage, code: str, reply: Reply | None, fault: Fault) -> bool:
        """Tell whether the row is about this outcome."""
        if stage not in self.stages or fault not in self.faults:
            return False
        if fault is not Fault.NONE or reply is None:
            return self.codes == ("",)
        return (
            code.startswith(self.codes)
            and (not self.enhanced or _matches(self.enhanced, reply.enhanced))
            and (self.text is None or self.text.search(" ".join(reply.text.split())) is not None)
        )


def decide(stage: Stage, reply: Reply | None, fault: Fault) -> Decision:
    """Return what an outcome means; pure and total.

    A fault outweighs a reply. What is neither a fault nor a refusal nor a 2xx at the dot, counts
    as garbage.
    """
    if fault is Fault.NONE and not _is_answer(stage, reply):
        fault = Fault.GARBAGE
    code = f"{reply.code:03d}" if reply else ""
    return next(rule.decision for rule in RULES if rule.fits(stage, code, reply, fault))


def _is_answer(stage: Stage, reply: Reply | None) -> bool:
    if reply is None:
        return False
    return 400 <= reply.code <= 599 or (stage is Stage.DOT and 200 <= reply.code <= 299)


def _matches(patterns: tuple[str, ...], enhanced: str) -> bool:
    """Tell whether an enhanced code fits one of the patterns, such as ``5.7.*``."""
    parts = enhanced.split(".")
    return any(
        len(parts) == len(wanted)
        and all(w in ("*", part) for w, part in zip(wanted, parts, strict=True))
        for wanted in (pattern.split(".") for pattern in patterns)
    )


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


ALL = frozenset(Stage)
OPENING = frozenset({Stage.CONNECT, Stage.TLS, Stage.AUTH})
ENVELOPE = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA})
CONTENT = frozenset({Stage.BODY, Stage.DOT})
MESSAGE = ENVELOPE | CONTENT
IN_MAIL, IN_RCPT, IN_DATA, IN_DOT = (
    frozenset({stage}) for stage in (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)
)
AFTER_RCPT = IN_DATA | CONTENT  # where some servers refuse what they should at RCPT

_NO_SUCH_USER = _words(
    r"\bno such (user|recipient|mailbox|person|address|account)",
    r"\b(user|recipient|mailbox|account)( is)? (unknown|not found|not known)\b",
    r"\bunknown (user|recipient|mailbox|local[ -]?part|address)\b",
    r"\b(user|recipient|mailbox|account|address)( you tried to reach| .{1,80}?)? "
    r"(does not|doesn.t) exist\b",
    r"\bno mailbox (here )?by that name\b",
    r"\bnot a valid (mailbox|recipient|user)\b",
    r"\b(invalid|nonexistent|non-existent) (mailbox|recipient|user)\b",
)
_ABOUT_SENDER = _words(
    r"\bsender (address )?(is )?(rejected|denied|refused|not allowed)",
    r"\bsender verif",
    r"\bMAIL FROM\b",
)
_SENDER_NOT_OURS = _words(
    r"\bnot owned by user\b", r"\bSendAsDenied\b", r"\bsend(ing)? as (this|the) sender\b"
)
_LISTED = _words(
    r"\bspamhaus\b", r"\bspamcop\b", r"\bbarracuda", r"\bsorbs\b", r"\bdnsbl\b", r"\brbl\b",
    r"\bblack-?list", r"\bblock-?list", r"\bS31[45]0\b", r"\bbanned sending IP\b",
)  # fmt: skip
_POLICY = _words(
    r"\bspam", r"\bblocked\b", r"\bpolicy\b", r"\bunsolicited\b", r"\breputation\b", r"\bSURBL\b",
    r"\bURIBL\b", r"\bDMARC\b",
)  # fmt: skip
_TOO_LARGE = _words(
    r"\bmessage (is )?too (large|big)\b", r"\bmessage size\b", r"\bmessage exceeds\b",
    r"\bsize limit\b", r"\bmaximum (message )?size\b",
)  # fmt: skip
_MAILBOX_FULL = _words(
    r"\bmailbox (is |for .{1,80} is )?full\b", r"\bover ?quota\b", r"\bquota exceeded\b",
    r"\b(out of|exceeded|insufficient) (storage|mailbox|disk) (space|allocation|quota)\b",
)  # fmt: skip
_OWN_QUOTA = _words(
    r"\b(daily|hourly)( \w+)? (sending |message |submission )?(limit|quota)\b",
    r"\bsending (limit|quota)\b", r"\bSubmissionQuotaExceeded",
)  # fmt: skip
_THROTTLING = _words(
    r"\bthrottl", r"\bsending rate\b", r"\brate limit", r"\btoo many (messages|mails)\b"
)
_GREYLISTED = _words(r"\bgr[ea]y-?list")
_UNAVAILABLE = _words(r"\bmailbox (is )?unavailable\b")
_DIRECTORY_EDGE = _words(r"\brecipient address rejected: access denied\b")

_SUPPRESSED = Decision(Action.FAILED, "address", suppress=True, why="no such address")
_REFUSED_ADDRESS = Decision(Action.FAILED, "address", why="address refused")
_REFUSED_POLICY = Decision(Action.POLICY, "policy", why="policy")
_REFUSED_CONTENT = Decision(Action.POLICY, "content", why="content")
_TOO_LARGE_MAIL = Decision(Action.POLICY, "content", why="too large")
_BROKEN_AUTHENTICATION = Decision(Action.POLICY, "policy", why="authentication")
_FULL = Decision(Action.LATER, "temporary", why="mailbox full")
_SENDER_REFUSED = Decision(Action.OFF, why="sender refused")
_WRONG_PASSWORD = Decision(Action.OFF, why="credentials")
_OUR_PROTOCOL = Decision(Action.COOLING, why="protocol fault")
_THROTTLED = Decision(Action.COOLING, why="throttled")
_QUOTA = Decision(Action.COOLING, why="account quota")


def _later(why: str) -> Decision:
    return Decision(Action.LATER, "temporary", why=why)


def _cooling(why: str) -> Decision:
    return Decision(Action.COOLING, why=why)


def _off(why: str) -> Decision:
    return Decision(Action.OFF, why=why)


_FAULTS = frozenset(Fault) - {Fault.NONE}

FAULT_RULES = (
    Rule(Decision(Action.UNCERTAIN, why="in doubt"), CONTENT, _FAULTS),
    Rule(_off("forbidden host"), BEFORE_BODY, frozenset({Fault.FORBIDDEN_HOST})),
    Rule(_off("TLS"), BEFORE_BODY, frozenset({Fault.TLS})),
    Rule(
        _off("capability"),
        frozenset({Stage.CONNECT, Stage.TLS}),
        frozenset({Fault.CAPABILITY}),
    ),
    Rule(_cooling("capability"), BEFORE_BODY, frozenset({Fault.CAPABILITY})),
    Rule(_off("reconnect"), BEFORE_BODY, frozenset({Fault.REVOKED})),
    Rule(_cooling("identity provider"), BEFORE_BODY, frozenset({Fault.SIGN_IN})),
    Rule(_cooling("configuration"), BEFORE_BODY, frozenset({Fault.CONFIGURATION})),
    Rule(_cooling("stalled"), BEFORE_BODY, frozenset({Fault.STALLED})),
    Rule(_cooling("stopped"), BEFORE_BODY, frozenset({Fault.STOPPED})),
    Rule(_cooling("unreadable reply"), BEFORE_BODY, frozenset({Fault.GARBAGE})),
    Rule(_cooling("unreachable"), BEFORE_BODY, _FAULTS),
)
ACCEPTED_RULES = (Rule(Decision(Action.SENT, why="accepted"), IN_DOT, codes=("2",)),)
TEXT_RULES = (
    Rule(_SENDER_REFUSED, MESSAGE, codes=("5",), text=_SENDER_NOT_OURS),
    Rule(
        _QUOTA,
        MESSAGE,
        codes=("5", "4"),
        enhanced=("", "5.4.5", "4.4.5", "5.2.0", "5.7.*", "4.7.*"),
        text=_OWN_QUOTA,
    ),
    Rule(
        _cooling("listed"),
        ENVELOPE,
        codes=("5",),
        enhanced=("", "5.0.0", "5.7.*"),
        text=_LISTED,
    ),
    Rule(
        _TOO_LARGE_MAIL,
        MESSAGE,
        codes=("552", "554", "550", "523"),
        enhanced=("", "5.0.0", "5.2.3", "5.3.4"),
        text=_TOO_LARGE,
    ),
    Rule(
        _FULL,
        MESSAGE - IN_MAIL,
        codes=("4", "552"),
        enhanced=("", "4.0.0", "5.0.0", "*.2.2"),
        text=_MAILBOX_FULL,
    ),
    Rule(_THROTTLED, MESSAGE - IN_RCPT, codes=("4",), text=_THROTTLING),
    Rule(_later("greylisted"), MESSAGE, codes=("450", "451"), text=_GREYLISTED),
    Rule(
        _REFUSED_POLICY,
        IN_RCPT,
        codes=("5",),
        enhanced=("", "5.0.0", "5.1.0", "5.1.1", "5.7.*"),
        text=_ABOUT_SENDER,
    ),
    Rule(
        Decision(Action.FAILED, "address", why="directory edge"),
        IN_RCPT,
        codes=("5",),
        enhanced=("5.4.1",),
        text=_DIRECTORY_EDGE,
    ),
    Rule(_REFUSED_POLICY, IN_RCPT, codes=("5",), enhanced=("", "5.0.0"), text=_POLICY),
    Rule(_REFUSED_ADDRESS, IN_RCPT, codes=("550",), enhanced=("5.5.0",), text=_UNAVAILABLE),
)
ENHANCED_RULES = (
    Rule(_QUOTA, MESSAGE, codes=("5",), enhanced=("5.1.90",)),
    Rule(_SENDER_REFUSED, MESSAGE, codes=("5",), enhanced=("5.7.60", "5.2.252")),
    Rule(_SENDER_REFUSED, IN_MAIL | IN_RCPT, codes=("5",), enhanced=("5.1.7", "5.1.8")),
    Rule(
        _SUPPRESSED,
        IN_RCPT,
        codes=("5",),
        enhanced=("5.1.1", "5.1.3", "5.1.6", "5.1.10", "5.7.17", "5.7.18"),
    ),
    Rule(_SUPPRESSED, AFTER_RCPT, codes=("5",), enhanced=("5.1.1",)),
    Rule(
        Decision(Action.FAILED, "address", why="domain"), IN_RCPT, codes=("5",), enhanced=("5.1.2",)
    ),
    Rule(
        Decision(Action.FAILED, "address", why="inactive"),
        IN_RCPT,
        codes=("5",),
        enhanced=("5.2.1", "5.7.13"),
    ),
    Rule(_FULL, MESSAGE - IN_MAIL, codes=("4", "5"), enhanced=("*.2.2",)),
    Rule(_TOO_LARGE_MAIL, MESSAGE, codes=("5",), enhanced=("5.3.4", "5.2.3")),
    Rule(_REFUSED_CONTENT, MESSAGE, codes=("5",), enhanced=("5.6.*",)),
    Rule(
        _BROKEN_AUTHENTICATION,
        MESSAGE,
        codes=("5",),
        enhanced=(
            "5.7.25",
            "5.7.26",
            "5.7.27",
            "5.7.29",
            "5.7.30",
            "5.7.32",
            "5.7.40",
            "5.7.515",
            "5.7.9",
        ),
    ),
    Rule(_cooling("listed"), ENVELOPE, codes=("5",), enhanced=("5.7.606", "5.7.607", "5.7.511")),
    Rule(_later("routing"), IN_RCPT, codes=("5",), enhanced=("5.4.4", "5.4.6", "5.4.14")),
    Rule(_THROTTLED, IN_MAIL, codes=("4",), enhanced=("4.7.*", "4.2.1")),
    Rule(_THROTTLED, ALL, codes=("421",), enhanced=("4.7.*",)),
)
CODE_RULES = (
    # one odd address, not our protocol: it must not hold up everybody else
    Rule(_REFUSED_ADDRESS, IN_RCPT, codes=("501",)),
    Rule(_cooling("service closing"), BEFORE_BODY, codes=("421",)),
    Rule(_WRONG_PASSWORD, BEFORE_BODY, codes=("535", "534", "530", "538")),
    Rule(_cooling("temporary login failure"), BEFORE_BODY, codes=("454",)),
    Rule(_off("TLS"), frozenset({Stage.TLS}), codes=("5",)),
    Rule(_OUR_PROTOCOL, BEFORE_BODY, codes=("5",), enhanced=("5.5.*",)),
    Rule(_OUR_PROTOCOL, BEFORE_BODY, codes=("500", "502", "503", "504"), enhanced=("", "5.0.0")),
    Rule(_OUR_PROTOCOL, OPENING | IN_DATA, codes=("501",), enhanced=("", "5.0.0")),
    Rule(_SUPPRESSED, IN_RCPT, codes=("550", "551", "553"), enhanced=("",), text=_NO_SUCH_USER),
    Rule(_REFUSED_POLICY, IN_RCPT, codes=("5",), enhanced=("5.7.*",)),
)
STAGE_DEFAULTS = (
    Rule(_cooling("greeting refused"), frozenset({Stage.CONNECT})),
    Rule(_cooling("temporary login failure"), OPENING, codes=("4",)),
    Rule(_WRONG_PASSWORD, OPENING),
    Rule(_later("temporary refusal"), MESSAGE, codes=("4",)),
    Rule(_SENDER_REFUSED, IN_MAIL),
    Rule(_REFUSED_ADDRESS, IN_RCPT),
    Rule(_REFUSED_POLICY, MESSAGE),
)
RULES = FAULT_RULES + ACCEPTED_RULES + TEXT_RULES + ENHANCED_RULES + CODE_RULES + STAGE_DEFAULTS
