"""The table itself: each row decides about something, and each key has its sentence."""

import pytest

from massmail.backends.base import Fault, Stage
from massmail.services import words
from massmail.services.reply_rules import Action
from massmail.services.reply_table import RULES
from massmail.services.smtp_replies import rule_for
from tests.massmail.services.test_smtp_replies import REPLIES, reply_in


def test_every_row_decides_about_a_labelled_reply_or_a_fault():
    decided = {id(rule_for(Stage(row["stage"]), reply_in(row), Fault.NONE)) for row in REPLIES} | {
        id(rule_for(stage, None, fault)) for stage in Stage for fault in Fault
    }
    assert [rule for rule in RULES if id(rule) not in decided] == []


@pytest.mark.parametrize("action", [Action.COOLING, Action.OFF])
def test_every_trouble_of_an_account_has_a_sentence(action):
    keys = {
        rule.decision.why
        for rule in RULES
        if rule.decision.action is action or rule.decision.rests_account
    }
    assert {key for key in keys if words.of_trouble(key) == key} == set()


def test_every_refusal_of_a_mail_has_a_sentence():
    keys = {
        rule.decision.why
        for rule in RULES
        if rule.decision.action in {Action.LATER, Action.FAILED, Action.POLICY}
    }
    assert {key for key in keys if words.of_refusal(key) == key} == set()


def test_what_rests_at_least_some_time_does_rest():
    for rule in RULES:
        if rule.decision.rest_s:
            assert rule.decision.rests_domain or rule.decision.action is Action.COOLING
