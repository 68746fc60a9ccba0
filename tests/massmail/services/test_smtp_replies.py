"""What labelled replies of real shapes mean, and what no reply may ever mean.

`replies.tsv` has a reply a line: who says so, where, and what is to follow. The labels were written
from the rules, not by running them.
"""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from massmail.backends.base import BEFORE_BODY, Fault, Reply, Stage
from massmail.services.smtp_replies import Action, Decision, decide

CONNECT, TLS, AUTH, MAIL, RCPT, DATA, BODY, DOT = Stage
SENT, LATER, FAILED, COOLING, OFF, POLICY, UNCERTAIN = Action
SUPPRESS = "suppress"

REPLIES_FILE = Path(__file__).with_name("replies.tsv")
with REPLIES_FILE.open(newline="") as file:
    REPLIES = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def reply_in(row: dict[str, str]) -> Reply:
    return Reply(int(row["code"]), row["enhanced"], row["text"].replace("\\n", "\n"))


def effects_of(decision: Decision) -> str:
    """What a decision does beside its action, in the words of the file."""
    return " ".join(
        word
        for word, holds in (
            ("slow", decision.slows),
            ("pause", decision.pauses),
            ("account", decision.rests_account),
            ("domain", decision.rests_domain),
            (f"rest:{decision.rest_s}", decision.rest_s),
            (f"repeated:{decision.repeated}", decision.repeated),
            (f"retries:{decision.retries}", decision.retries is not None),
            ("alert", decision.alerts),
        )
        if holds
    )


@pytest.mark.parametrize(
    "row", REPLIES, ids=lambda row: f"{row['provider']}-{row['stage']}-{row['code']}"
)
def test_reply(row):
    decision = decide(Stage(row["stage"]), reply_in(row), Fault.NONE)
    assert (
        decision.action,
        decision.reason,
        "yes" if decision.suppress else "",
        decision.why,
        effects_of(decision),
    ) == (row["action"], row["reason"], row["suppress"], row["why"], row["effects"])


def test_there_are_hundreds_of_different_replies():
    assert len({row["text"] for row in REPLIES}) == len(REPLIES) > 300
    assert len({row["provider"] for row in REPLIES}) > 30


FAULTS = [
    (CONNECT, Fault.DNS, COOLING),
    (CONNECT, Fault.REFUSED, COOLING),
    (CONNECT, Fault.TIMEOUT, COOLING),
    (CONNECT, Fault.DISCONNECTED, COOLING),
    (CONNECT, Fault.GARBAGE, COOLING),
    (CONNECT, Fault.STALLED, COOLING),
    (CONNECT, Fault.FORBIDDEN_HOST, OFF),
    (CONNECT, Fault.CAPABILITY, OFF),
    (TLS, Fault.TLS, OFF),
    (TLS, Fault.CAPABILITY, OFF),
    (TLS, Fault.TIMEOUT, COOLING),
    (TLS, Fault.DISCONNECTED, COOLING),
    (AUTH, Fault.TLS, OFF),
    (AUTH, Fault.CAPABILITY, COOLING),
    (AUTH, Fault.DISCONNECTED, COOLING),
    (MAIL, Fault.DISCONNECTED, COOLING),
    (AUTH, Fault.REVOKED, OFF),
    (AUTH, Fault.SIGN_IN, COOLING),
    (AUTH, Fault.CONFIGURATION, COOLING),
    (MAIL, Fault.STALLED, COOLING),
    (MAIL, Fault.STOPPED, COOLING),
    (RCPT, Fault.TIMEOUT, COOLING),
    (RCPT, Fault.GARBAGE, COOLING),
    (DATA, Fault.GARBAGE, COOLING),
    (DATA, Fault.DISCONNECTED, COOLING),
    *[(stage, fault, UNCERTAIN) for stage in (BODY, DOT) for fault in Fault],
]


@pytest.mark.parametrize(("stage", "fault", "action"), FAULTS)
def test_fault(stage, fault, action):
    assert decide(stage, None, fault).action is action


@pytest.mark.parametrize("stage", Stage)
def test_reply_that_is_no_refusal_is_garbage_except_2xx_at_the_dot(stage):
    for code in (-1, 0, 100, 220, 250, 334, 354, 600, 5_500):
        expected = UNCERTAIN if stage in {BODY, DOT} else COOLING
        if stage is DOT and 200 <= code <= 299:
            expected = SENT
        assert decide(stage, Reply(code, "", "x"), Fault.NONE).action is expected


def test_250_with_a_fault_is_in_doubt():
    assert decide(DOT, Reply(250, "2.0.0", "Ok"), Fault.GARBAGE).action is UNCERTAIN


WORDS = [
    *("no", "such", "user", "does", "not", "exist", "unknown", "mailbox", "full", "quota"),
    *("spam", "blocked", "spamhaus", "policy", "sender", "rejected", "message", "too", "large"),
    *("daily", "sending", "limit", "greylisted", "throttled", "not owned by user"),
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(WORDS),
        max_size=8,
    ).map(" ".join),
)
ENHANCED = st.one_of(
    st.just(""),
    st.text(max_size=8),
    st.builds(
        "{}.{}.{}".format, st.sampled_from([2, 4, 5]), st.integers(0, 9), st.integers(0, 999)
    ),
    st.builds("5.{}.{}".format, st.integers(0, 7), st.integers(0, 30)),
)
ANY_REPLY = st.one_of(
    st.none(),
    st.builds(Reply, st.integers(-10, 1_000), ENHANCED, TEXTS),
    st.builds(Reply, st.integers(400, 599), ENHANCED, TEXTS),
)


@given(st.sampled_from(Stage), ANY_REPLY, st.sampled_from(Fault))
def test_every_input_has_a_decision_that_keeps_the_promises(stage, reply, fault):
    decision = decide(stage, reply, fault)
    code = reply.code if reply and fault is Fault.NONE else 0
    assert isinstance(decision, Decision)
    assert decision.why
    assert (decision.action is SENT) == (stage is DOT and 200 <= code <= 299)
    if decision.action is UNCERTAIN:
        assert stage in {BODY, DOT}
        assert not 400 <= code <= 599
    if stage in {BODY, DOT} and not 400 <= code <= 599:
        assert decision.action in {SENT, UNCERTAIN}
    if decision.action in {FAILED, POLICY} and decision.why != "permanently deferred":
        assert 500 <= code <= 599
        assert stage in {MAIL, RCPT, DATA, BODY, DOT}
        assert decision.reason in {"address", "policy", "content", "temporary", "smtputf8"}
    if decision.suppress:
        assert decision.action is FAILED
        assert stage in {RCPT, DATA, BODY, DOT}
    if stage in {CONNECT, TLS, AUTH}:
        assert decision.action in {COOLING, OFF}
    if 400 <= code <= 499 and decision.why != "permanently deferred":
        assert decision.action in {LATER, COOLING}


@given(st.sampled_from(Stage), ANY_REPLY, st.sampled_from(Fault))
def test_what_else_a_decision_does_keeps_the_promises(stage, reply, fault):
    decision = decide(stage, reply, fault)
    if decision.rests_domain:
        assert stage in {MAIL, RCPT, DATA, BODY, DOT}  # there is a recipient
    if decision.repeated:
        assert decision.action in {LATER, FAILED}
        assert not decision.suppress
    if decision.pauses or decision.rests_account:
        assert decision.action is POLICY


def test_before_body_is_all_but_body_and_dot():
    assert frozenset(Stage) - {BODY, DOT} == BEFORE_BODY


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "why"),
    [
        (550, "", "sorry, no mailbox (#5.1.1)", "no such address"),
        (550, "", "# 5.2.1 closed", "inactive"),
        (550, "5.1.0", "something else (#5.1.1)", "address refused"),
        (550, "", "see rule #15.1.1 of 5.1.1", "address refused"),
        (550, "4.1.1", "of another class", "address refused"),
        (450, "5.1.1", "of another class", "temporary refusal"),
        (550, "", "of another class (#4.2.2)", "address refused"),
    ],
)
def test_where_the_enhanced_code_is_read(code, enhanced, text, why):
    assert decide(RCPT, Reply(code, enhanced, text), Fault.NONE).why == why


def test_text_is_read_over_line_ends():
    assert decide(RCPT, Reply(550, "", "mailbox\nnot found"), Fault.NONE).suppress
