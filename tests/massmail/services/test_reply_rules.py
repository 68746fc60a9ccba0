"""What a row of the table asks for."""

import re

import pytest

from massmail.backends.base import Fault, Stage
from massmail.services.reply_rules import Action, Answer, Decision, Rule

DECISION = Decision(Action.LATER, why="a test")
AT_RCPT = frozenset({Stage.RCPT})
NOT_HERE = Answer("550", "5.1.1", "Not here")


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule(DECISION, AT_RCPT), True),
        (Rule(DECISION, frozenset({Stage.DOT})), False),
        (Rule(DECISION, AT_RCPT, frozenset({Fault.TLS})), False),
        (Rule(DECISION, AT_RCPT, codes=("5",)), True),
        (Rule(DECISION, AT_RCPT, codes=("4", "551")), False),
        (Rule(DECISION, AT_RCPT, enhanced=("5.1.1",)), True),
        (Rule(DECISION, AT_RCPT, enhanced=("5.1.*",)), True),
        (Rule(DECISION, AT_RCPT, enhanced=("*.1.1",)), True),
        (Rule(DECISION, AT_RCPT, enhanced=("5.1.10", "")), False),
        (Rule(DECISION, AT_RCPT, text=re.compile("here")), True),
        (Rule(DECISION, AT_RCPT, text=re.compile("there")), False),
    ],
)
def test_what_fits_a_reply(rule, fits):
    assert rule.fits(Stage.RCPT, NOT_HERE, Fault.NONE) is fits


def test_reply_without_an_enhanced_code_fits_the_empty_one():
    rule = Rule(DECISION, AT_RCPT, enhanced=("",))
    assert rule.fits(Stage.RCPT, Answer("550", "", "No"), Fault.NONE)
    assert not rule.fits(Stage.RCPT, NOT_HERE, Fault.NONE)


def test_fault_needs_no_reply():
    rule = Rule(DECISION, AT_RCPT, frozenset({Fault.TIMEOUT}))
    assert rule.fits(Stage.RCPT, Answer(), Fault.TIMEOUT)
    assert not rule.fits(Stage.RCPT, Answer(), Fault.GARBAGE)
