"""The table of replies, as data: a row says where, what code and what text, and so what is done.

It is read from the top: success, faults, then rules by text, by enhanced code, by basic code, and
last the default of each stage, so that every input has an answer. When in doubt an address is not
suppressed and an account not switched off. Once the recipient is named, "slow down" is about
their domain, before it and wherever the server hangs up it is about the account.
"""

import re

from massmail.backends.base import BEFORE_BODY, Fault, Stage
from massmail.services.reply_rules import Action, Decision, Repeated, Rule

HOUR_S = 3600

OPENING = frozenset({Stage.CONNECT, Stage.TLS, Stage.AUTH})
ENVELOPE = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA})
CONTENT = frozenset({Stage.BODY, Stage.DOT})
MESSAGE = ENVELOPE | CONTENT
IN_CONNECT, IN_MAIL, IN_RCPT, IN_DATA, IN_DOT = (
    frozenset({stage}) for stage in (Stage.CONNECT, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)
)
FROM_RCPT = MESSAGE - IN_MAIL
AFTER_RCPT = IN_DATA | CONTENT  # where some servers refuse what they should at RCPT


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_NO_SUCH_USER = _words(
    r"\bno such (user|recipient|mailbox|person|address|account)",
    r"\b(user|recipient|mailbox|account)( is)? (unknown|not found|not known|invalid)\b",
    r"\bunknown (user|recipient|mailbox|local[ -]?part|address)\b",
    r"\b(user|recipient|mailbox|account|address)( you tried to reach| .{1,80}?)? "
    r"(does not|doesn.t) exist\b",
    r"\bno mailbox (here )?by that name\b",
    r"\bnot a valid (mailbox|recipient|user)\b",
    r"\b(invalid|nonexistent|non-existent) (mailbox|recipient|user)\b",
    r"\brecipient ?not ?found\b", r"\buser doesn.t have an? \S+ account\b",
)  # fmt: skip
_ABOUT_SENDER = _words(
    r"\bsender (address )?(is )?(rejected|denied|refused|not allowed)",
    r"\bsender verif", r"\bMAIL FROM\b",
)  # fmt: skip
_SENDER_NOT_OURS = _words(
    r"\bnot owned by user\b", r"\bSendAsDenied\b", r"\bsend(ing)? as (this|the) sender\b"
)
_LISTED = _words(
    r"\bspamhaus\b", r"\bspamcop\b", r"\bbarracuda(central|networks)", r"\bsorbs\b", r"\bdnsbl\b",
    r"\brbl\b", r"\bS31[45]0\b", r"\bbanned sending IP\b", r"\b(black|block)[- ]?list\w* IP\b",
    r"\b(client|host|ip|server|network)\b.{0,80}\b(black|block)[- ]?list",
)  # fmt: skip
_LISTED_CLIENT = _words(
    r"\b(zen|sbl|xbl|pbl|css)\.spamhaus\b", r"\bclient host .{1,80} blocked using\b",
    r"\bS31[45]0\b", r"\bbanned sending IP\b",
)  # fmt: skip
_UNAUTHENTICATED = _words(
    r"\b(SPF|DKIM|DMARC)\b.{0,60}(\bfail|\bnot pass|\bpolicy\b|\breject|\bsender invalid\b)",
    r"\b(fail\w*|pass|violat\w+|per|due to)\b.{0,40}\b(SPF|DKIM|DMARC)\b",
    r"\bunauthenticated (e-?mail|mail|sender)\b",
)  # fmt: skip
_RELAY = _words(
    r"\brelay(ing)?\b.{0,20} (denied|not permitted|not allowed|prohibited)", r"\brcpthosts\b",
    r"\bdo(es)? not relay\b", r"\bunable to relay\b",
)  # fmt: skip
_POLICY = _words(
    r"\bspam", r"\bblocked\b", r"\bpolicy\b", r"\bunsolicited\b", r"\breputation\b", r"\bSURBL\b",
    r"\bURIBL\b", r"\bDMARC\b", r"\bvirus\b", r"\bphish", r"\bblack-?list", r"\bblock-?list",
)  # fmt: skip
_TOO_LARGE = _words(
    r"\bmessage (is )?too (large|big)\b", r"\bmessage size\b", r"\bmessage exceed(s|ed)\b",
    r"\bsize limit\b", r"\bmaximum (message )?size\b", r"\bmessage file too big\b",
)  # fmt: skip
_MAILBOX_FULL = _words(
    r"\bmailbox (is |for .{1,80} is )?full\b", r"\bover ?quota\b", r"\bquota (is )?exceeded\b",
    r"\b(out of|exceeded|exhausted|insufficient)( \w+)? (storage|mailbox|disk)"
    r" (space|allocation|quota)\b",
    r"\b(mailbox|user|recipient|account)\b.{0,40}\b(exceeded|over).{0,20}\bquota\b",
)  # fmt: skip
_OWN_QUOTA = _words(
    r"\b(daily|hourly)( \w+){0,4} (limit|quota)\b", r"\bsend(ing)? (limit|quota)\b",
    r"\bSubmissionQuotaExceeded", r"\bmax emails per hour\b", r"\bmessages? per (hour|day)\b",
    r"\bpolicy rejection.{0,10}quota exceeded\b", r"\brecipients? per (hour|day)\b",
    r"\bmessaging limits\b", r"\bunusual sending activity\b",
)  # fmt: skip
_THROTTLING = _words(
    r"\bthrottl", r"\bsending rate\b", r"\brate[- ]?limit", r"\btoo many (messages|mails|emails)\b",
    r"\btoo many( \w+){0,2} (connections|sessions)\b", r"\btoo much mail\b",
    r"\bconcurrent( \w+)? connections\b.{0,30}\blimit\b", r"\bsubmission rate\b",
    r"\bthread limit\b", r"\brelay limit exceeded\b", r"\btoo many recipients received\b",
)  # fmt: skip
_GREYLISTED = _words(r"\bgr[ea]y-?list", r"\[GL\d\d\]", r"\bpostgrey\b")
_UNAVAILABLE = _words(r"\bmailbox (is )?unavailable\b")
_DIRECTORY_EDGE = _words(r"\brecipient address(es)? rejected ?: access denied\b")
_SPLIT = _words(r"\bmultiple regions\b", r"\bdifferent (regions|domains)\b")
_PERMANENTLY_DEFERRED = _words(r"\[TS03\]", r"\bretrying will not succeed\b")
_BUSY_USER = _words(r"\breceiving e?-?mail (too quickly|at a rate)\b")
_COMPLAINTS = _words(r"\[(IP)?TSS?\d\d\]")

_SUPPRESSED = Decision(Action.FAILED, "address", suppress=True, why="no such address")
_REFUSED_ADDRESS = Decision(Action.FAILED, "address", why="address refused")
_REFUSED_POLICY = Decision(Action.POLICY, "policy", why="policy")
_REFUSED_CONTENT = Decision(Action.POLICY, "content", why="content")
_TOO_LARGE_MAIL = Decision(Action.POLICY, "content", why="too large")
_BROKEN_AUTHENTICATION = Decision(
    Action.POLICY, "policy", why="authentication", pauses=True, rests_account=True
)
_FULL = Decision(Action.LATER, "temporary", why="mailbox full", repeated=Repeated.SOFT)
_EXPIRED_LATER = Decision(Action.LATER, "temporary", why="expired", repeated=Repeated.SOFT)
_EXPIRED = Decision(Action.FAILED, "temporary", why="expired", repeated=Repeated.SOFT)
_NO_DOMAIN = Decision(Action.FAILED, "address", why="domain", repeated=Repeated.DOMAIN)
_INACTIVE = Decision(Action.FAILED, "address", why="inactive", repeated=Repeated.INACTIVE)
_EDGE = Decision(Action.FAILED, "address", suppress=True, why="directory edge")
_ROUTING = Decision(Action.LATER, "temporary", why="routing")
_NO_ROUTE_TWICE = Decision(Action.LATER, "temporary", why="routing", retries=2)
_NO_SMTPUTF8 = Decision(Action.FAILED, "smtputf8", why="smtputf8")
_SENDER_REFUSED = Decision(Action.OFF, why="sender refused")
_WRONG_PASSWORD = Decision(Action.OFF, why="credentials")
_OUR_PROTOCOL = Decision(Action.COOLING, why="protocol fault", alerts=True)
_THROTTLED = Decision(Action.COOLING, why="throttled", slows=True)
_DOMAIN_THROTTLES = Decision(Action.LATER, "temporary", why="throttled", rests_domain=True)
_COMPLAINED_DOMAIN = Decision(
    Action.LATER, "temporary", why="complaints", rests_domain=True, rest_s=4 * HOUR_S
)
_COMPLAINED = Decision(Action.COOLING, why="complaints", rest_s=4 * HOUR_S)
_DEFERRED_FOR_EVER = Decision(
    Action.POLICY, "policy", why="permanently deferred", rests_account=True, alerts=True
)
_QUOTA = Decision(Action.COOLING, why="account quota", rest_s=HOUR_S)  # then one mail an hour
_ON_A_LIST = Decision(Action.COOLING, why="listed", rests_domain=True, alerts=True)


def _later(why: str) -> Decision:
    return Decision(Action.LATER, "temporary", why=why)


def _cooling(why: str, *, alerts: bool = False) -> Decision:
    return Decision(Action.COOLING, why=why, alerts=alerts)


def _off(why: str) -> Decision:
    return Decision(Action.OFF, why=why)


_FAULTS = frozenset(Fault) - {Fault.NONE}

FAULT_RULES = (
    Rule(Decision(Action.UNCERTAIN, why="in doubt"), CONTENT, _FAULTS),
    Rule(_off("forbidden host"), BEFORE_BODY, frozenset({Fault.FORBIDDEN_HOST})),
    Rule(_off("TLS"), BEFORE_BODY, frozenset({Fault.TLS})),
    Rule(_off("capability"), frozenset({Stage.CONNECT, Stage.TLS}), frozenset({Fault.CAPABILITY})),
    Rule(_cooling("capability"), BEFORE_BODY, frozenset({Fault.CAPABILITY})),
    Rule(_off("reconnect"), BEFORE_BODY, frozenset({Fault.REVOKED})),
    Rule(_cooling("identity provider"), BEFORE_BODY, frozenset({Fault.SIGN_IN})),
    Rule(_cooling("configuration"), BEFORE_BODY, frozenset({Fault.CONFIGURATION})),
    Rule(_cooling("stalled"), BEFORE_BODY, frozenset({Fault.STALLED})),
    Rule(_cooling("stopped"), BEFORE_BODY, frozenset({Fault.STOPPED})),
    Rule(_cooling("unreadable reply"), BEFORE_BODY, frozenset({Fault.GARBAGE})),
    Rule(_cooling("unreachable"), BEFORE_BODY, _FAULTS),
)
ACCEPTED = Rule(Decision(Action.SENT, why="accepted"), IN_DOT, codes=("2",))

_UNSPECIFIC = ("", "4.0.0", "5.0.0")
_SECURITY = (*_UNSPECIFIC, "4.7.*", "5.7.*")
TEXT_RULES = (
    Rule(_SENDER_REFUSED, MESSAGE, codes=("5",), text=_SENDER_NOT_OURS),
    Rule(_DEFERRED_FOR_EVER, MESSAGE, text=_PERMANENTLY_DEFERRED, codes=("4", "5")),
    Rule(_COMPLAINED_DOMAIN, MESSAGE, codes=("4",), text=_COMPLAINTS),
    Rule(_COMPLAINED, IN_CONNECT, codes=("4",), text=_words(r"\[(IP)?TSS?\d\d\]", r"\[TS03\]")),
    Rule(
        _QUOTA,
        MESSAGE,
        codes=("5", "4"),
        enhanced=(*_SECURITY, "5.2.0", "5.4.5", "5.4.6", "4.2.1", "4.4.5", "4.5.3"),
        text=_OWN_QUOTA,
    ),
    Rule(_ON_A_LIST, ENVELOPE, codes=("5", "4"), enhanced=(*_SECURITY, "5.3.0"), text=_LISTED),
    Rule(_ON_A_LIST, CONTENT, codes=("5", "4"), enhanced=_SECURITY, text=_LISTED_CLIENT),
    Rule(
        _BROKEN_AUTHENTICATION,
        MESSAGE,
        codes=("5",),
        enhanced=("", "5.0.0", "5.7.*"),
        text=_UNAUTHENTICATED,
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
        FROM_RCPT,
        codes=("4", "552", "550", "554"),
        enhanced=(*_UNSPECIFIC, "*.1.1", "*.2.2"),
        text=_MAILBOX_FULL,
    ),
    Rule(_later("throttled"), FROM_RCPT, codes=("5",), text=_BUSY_USER),
    Rule(_later("greylisted"), MESSAGE, codes=("450", "451", "421"), text=_GREYLISTED),
    Rule(_later("temporary refusal"), IN_RCPT, codes=("452",), text=_SPLIT),
    Rule(_THROTTLED, MESSAGE - IN_RCPT, codes=("4",), text=_THROTTLING),
    Rule(
        _REFUSED_POLICY,
        IN_RCPT,
        codes=("5",),
        enhanced=("", "5.0.0", "5.1.0", "5.1.1", "5.7.0", "5.7.1"),
        text=_ABOUT_SENDER,
    ),
    Rule(_REFUSED_POLICY, IN_RCPT, codes=("5",), enhanced=("", "5.0.0", "5.7.*"), text=_RELAY),
    Rule(_EDGE, IN_RCPT, codes=("5",), enhanced=("5.4.1",), text=_DIRECTORY_EDGE),
    Rule(
        _SUPPRESSED,
        IN_RCPT,
        codes=("550", "551", "553"),
        enhanced=("", "5.1.1"),
        text=_NO_SUCH_USER,
    ),
    Rule(_REFUSED_POLICY, IN_RCPT, codes=("5",), enhanced=("", "5.0.0", "5.1.1"), text=_POLICY),
    Rule(_REFUSED_ADDRESS, IN_RCPT, codes=("5",), enhanced=("5.7.0", "5.7.1"), text=_NO_SUCH_USER),
    Rule(_REFUSED_ADDRESS, IN_RCPT, codes=("550",), enhanced=("5.5.0",), text=_UNAVAILABLE),
)
ENHANCED_RULES = (
    Rule(_QUOTA, MESSAGE, codes=("5",), enhanced=("5.1.90",)),
    Rule(_QUOTA, MESSAGE, codes=("550",), enhanced=("5.4.5",)),
    Rule(_SENDER_REFUSED, MESSAGE, codes=("5",), enhanced=("5.7.60", "5.2.252")),
    Rule(_SENDER_REFUSED, MESSAGE, codes=("5",), enhanced=("5.1.7", "5.1.8")),
    Rule(
        _SUPPRESSED,
        IN_RCPT,
        codes=("5",),
        enhanced=("5.1.1", "5.1.3", "5.1.6", "5.1.10", "5.7.17", "5.7.18"),
    ),
    Rule(_SUPPRESSED, AFTER_RCPT, codes=("5",), enhanced=("5.1.1",)),
    Rule(_NO_DOMAIN, IN_RCPT, codes=("5",), enhanced=("5.1.2",)),
    Rule(_INACTIVE, IN_RCPT, codes=("5",), enhanced=("5.2.1", "5.7.13")),
    Rule(_FULL, FROM_RCPT, codes=("4", "5"), enhanced=("*.2.2",)),
    Rule(_TOO_LARGE_MAIL, MESSAGE, codes=("5",), enhanced=("5.3.4", "5.2.3")),
    # RFC 6531 section 4.3: what only SMTPUTF8 could carry
    Rule(_NO_SMTPUTF8, FROM_RCPT, codes=("5",), enhanced=("5.6.7", "5.6.8", "5.6.9")),
    Rule(_REFUSED_CONTENT, MESSAGE, codes=("5",), enhanced=("5.6.*",)),
    Rule(
        _BROKEN_AUTHENTICATION,
        MESSAGE,
        codes=("5",),
        enhanced=tuple(f"5.7.{detail}" for detail in (9, 25, 26, 27, 29, 30, 32, 40, 515)),
    ),
    Rule(
        _ON_A_LIST,
        MESSAGE,
        codes=("5",),
        enhanced=("5.7.511", *(f"5.7.{detail}" for detail in range(606, 650))),
    ),
    Rule(_NO_ROUTE_TWICE, FROM_RCPT, codes=("5",), enhanced=("5.4.1",)),
    Rule(_ROUTING, FROM_RCPT, codes=("5",), enhanced=("5.4.4", "5.4.6", "5.4.14")),
    Rule(_EXPIRED, FROM_RCPT, codes=("5",), enhanced=("5.4.7",)),
    Rule(_EXPIRED_LATER, FROM_RCPT, codes=("4",), enhanced=("4.4.7",)),
    Rule(_ROUTING, FROM_RCPT, codes=("45",), enhanced=("4.4.*",)),
    Rule(_THROTTLED, IN_MAIL, codes=("4",), enhanced=("4.7.*", "4.2.1")),
    Rule(_THROTTLED, MESSAGE | IN_CONNECT, codes=("421",), enhanced=("4.7.*",)),
    Rule(_THROTTLED, ENVELOPE, codes=("4",), enhanced=("4.5.3",)),
    Rule(
        _DOMAIN_THROTTLES,
        IN_RCPT | IN_DATA,
        codes=("450", "451", "452"),
        enhanced=("4.7.*", "4.2.1"),
    ),
    Rule(_DOMAIN_THROTTLES, CONTENT, codes=("45",), enhanced=("4.7.28",)),
)
CODE_RULES = (
    # one odd address, not our protocol: it must not hold up everybody else
    Rule(_REFUSED_ADDRESS, IN_RCPT, codes=("501",)),
    Rule(_cooling("service closing"), BEFORE_BODY, codes=("421",)),
    Rule(_DOMAIN_THROTTLES, IN_RCPT, codes=("4",), enhanced=_UNSPECIFIC, text=_THROTTLING),
    Rule(_WRONG_PASSWORD, BEFORE_BODY, codes=("535", "534", "530", "538")),
    Rule(_cooling("temporary login failure"), BEFORE_BODY, codes=("454",)),
    Rule(_off("TLS"), frozenset({Stage.TLS}), codes=("5",)),
    Rule(_OUR_PROTOCOL, BEFORE_BODY, codes=("5",), enhanced=("5.5.*",)),
    Rule(_OUR_PROTOCOL, BEFORE_BODY, codes=("500", "502", "503", "504")),
    Rule(_OUR_PROTOCOL, OPENING | IN_DATA, codes=("501",), enhanced=("", "5.0.0")),
    Rule(_REFUSED_POLICY, IN_RCPT, codes=("5",), enhanced=("5.7.*",)),
)
STAGE_DEFAULTS = (
    Rule(_cooling("greeting refused", alerts=True), IN_CONNECT, codes=("5",)),
    Rule(_cooling("greeting refused"), IN_CONNECT),
    Rule(_cooling("temporary login failure"), OPENING, codes=("4",)),
    Rule(_WRONG_PASSWORD, OPENING),
    Rule(_later("temporary refusal"), MESSAGE, codes=("4",)),
    Rule(_SENDER_REFUSED, IN_MAIL),
    Rule(_REFUSED_ADDRESS, IN_RCPT),
    Rule(_REFUSED_POLICY, MESSAGE),
)
RULES = (ACCEPTED, *FAULT_RULES, *TEXT_RULES, *ENHANCED_RULES, *CODE_RULES, *STAGE_DEFAULTS)
