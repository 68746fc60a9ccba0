"""Every trouble that the table of answers knows has a sentence for the person."""

import pytest

from massmail.services import words
from massmail.services.reply_rules import Action
from massmail.services.reply_table import RULES

DECISIONS = {rule.decision.why: rule.decision for rule in RULES}
TAKEN = (Action.SENT,)


@pytest.mark.parametrize(
    "why",
    sorted(
        why
        for why, each in DECISIONS.items()
        if each.action in {Action.COOLING, Action.OFF} or each.rests_account
    ),
)
def test_trouble_of_an_account_has_a_sentence(why):
    assert words.of_trouble(why) != why


@pytest.mark.parametrize(
    "why", sorted(why for why, each in DECISIONS.items() if each.action not in TAKEN)
)
def test_refusal_has_a_sentence(why):
    assert words.of_refusal(why) != why
