"""What an SMTP outcome means: one pure function over the table in `reply_table`."""

import re

from massmail.backends.base import Fault, Reply, Stage
from massmail.services.reply_rules import Action, Answer, Decision, Repeated, Rule
from massmail.services.reply_table import ACCEPTED, RULES

__all__ = ["Action", "Decision", "Repeated", "decide", "rule_for"]

# Where some servers (qmail, Cisco) put the enhanced code: "sorry, no mailbox (#5.1.1)"
_ENHANCED_IN_TEXT = re.compile(r"#\s?([45]\.\d{1,3}\.\d{1,3})\b")


def decide(stage: Stage, reply: Reply | None, fault: Fault) -> Decision:
    """Return what an outcome means; pure and total.

    A fault outweighs a reply. What is neither a fault nor a refusal nor a 2xx at the dot, counts
    as garbage.
    """
    return rule_for(stage, reply, fault).decision


def rule_for(stage: Stage, reply: Reply | None, fault: Fault) -> Rule:
    """Return the row that decides about an outcome."""
    if fault is Fault.NONE and _is_success(stage, reply):
        return ACCEPTED  # nearly all: the table need not be walked for them
    if fault is Fault.NONE and not _is_answer(stage, reply):
        fault = Fault.GARBAGE
    answer = _read(reply)
    return next(rule for rule in RULES if rule.fits(stage, answer, fault))


def _is_success(stage: Stage, reply: Reply | None) -> bool:
    return stage is Stage.DOT and reply is not None and 200 <= reply.code <= 299


def _is_answer(stage: Stage, reply: Reply | None) -> bool:
    return reply is not None and (400 <= reply.code <= 599 or _is_success(stage, reply))


def _read(reply: Reply | None) -> Answer:
    """Return the reply as rows read it.

    An enhanced code of another class than the reply itself means nothing (RFC 2034 section 4).
    """
    if reply is None:
        return Answer()
    code = str(reply.code)
    text = " ".join(reply.text.split())
    in_text = _ENHANCED_IN_TEXT.search(text)
    enhanced = reply.enhanced or (in_text[1] if in_text else "")
    return Answer(code, enhanced if enhanced[:1] == code[:1] else "", text)
