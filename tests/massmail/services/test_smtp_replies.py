# ruff: noqa: E501  # one reply a line, as in the table that it checks
import pytest
from hypothesis import given
from hypothesis import strategies as st

from massmail.backends.base import BEFORE_BODY, Fault, Reply, Stage
from massmail.services.smtp_replies import RULES, Action, Decision, decide

CONNECT, TLS, AUTH, MAIL, RCPT, DATA, BODY, DOT = Stage
SENT, LATER, FAILED, COOLING, OFF, POLICY, UNCERTAIN = Action
SUPPRESS = "suppress"

# (stage, code, enhanced, text, action, what else is expected: reason, SUPPRESS or why)
REPLIES = [
    # accepted
    (DOT, 250, "2.0.0", "OK  1700000000 d2e1a72fcca58-6b9c0a1b2c3si123456b3a.1 - gsmtp", SENT, ""),
    (DOT, 250, "2.6.0", "<a@b> [InternalId=1] Queued mail for delivery", SENT, ""),
    (DOT, 250, "", "Ok 0100018b-0000", SENT, ""),
    (DOT, 250, "2.0.0", "Ok: queued as 4SfXyz1abc", SENT, ""),
    (DOT, 250, "", "OK id=1r2AbC-0001xY-2z", SENT, ""),
    # Gmail
    (
        RCPT,
        550,
        "5.1.1",
        "The email account that you tried to reach does not\nexist. Please try double-checking",
        FAILED,
        SUPPRESS,
    ),
    (RCPT, 550, "5.2.1", "The email account that you tried to reach is inactive.", FAILED, "inactive"),
    (RCPT, 552, "5.2.2", "The recipient's inbox is out of storage space. - gsmtp", LATER, "mailbox full"),
    (RCPT, 452, "4.2.2", "The recipient's inbox is out of storage space.", LATER, "mailbox full"),
    (RCPT, 450, "4.2.1", "The user you are trying to contact is receiving mail too quickly", LATER, ""),
    (DOT, 550, "5.7.26", "This mail has been blocked because the sender is unauthenticated", POLICY, "authentication"),
    (DOT, 550, "5.7.25", "The IP address sending this message does not have a PTR record", POLICY, "authentication"),
    (DOT, 550, "5.7.27", "SPF did not pass", POLICY, "authentication"),
    (DOT, 550, "5.7.30", "DKIM did not pass", POLICY, "authentication"),
    (DOT, 550, "5.7.32", "From is not aligned", POLICY, "authentication"),
    (DOT, 550, "5.7.40", "No DMARC record", POLICY, "authentication"),
    (DOT, 550, "5.7.29", "Message was not sent over TLS", POLICY, "authentication"),
    (DOT, 550, "5.7.1", "Our system has detected that this message is likely unsolicited mail.", POLICY, "policy"),
    (DOT, 552, "5.7.0", "This message was blocked because its content presents a security issue", POLICY, "policy"),
    (DOT, 552, "5.3.4", "Your message exceeded Google's message size limits.", POLICY, "content"),
    (DOT, 421, "4.7.28", "Unusual rate of unsolicited mail from your IP address.", COOLING, "throttled"),
    (DOT, 421, "4.7.0", "Try again later, closing connection.", COOLING, "throttled"),
    (MAIL, 421, "4.7.0", "Try again later, closing connection.", COOLING, "throttled"),
    (DOT, 550, "5.4.5", "Daily user sending limit exceeded.", COOLING, "account quota"),
    (AUTH, 535, "5.7.8", "Username and Password not accepted.", OFF, "credentials"),
    (AUTH, 534, "5.7.9", "Application-specific password required.", OFF, "credentials"),
    (AUTH, 454, "4.7.0", "Too many login attempts, please try again later.", COOLING, ""),
    (MAIL, 530, "5.7.0", "Authentication Required.", OFF, "credentials"),
    (MAIL, 530, "5.7.0", "Must issue a STARTTLS command first.", OFF, "credentials"),
    # Microsoft
    (RCPT, 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient not found", FAILED, SUPPRESS),
    (RCPT, 550, "5.4.1", "Recipient address rejected: Access denied. AS(201806281)", FAILED, "directory edge"),
    (RCPT, 550, "5.5.0", "Requested action not taken: mailbox unavailable", FAILED, "address refused"),
    (RCPT, 550, "5.5.0", "Something else", COOLING, "protocol fault"),
    (RCPT, 550, "5.7.1", "Unfortunately, messages from [192.0.2.1] weren't sent. (S3140)", COOLING, "listed"),
    (RCPT, 550, "5.7.606", "Access denied, banned sending IP [192.0.2.1]", COOLING, "listed"),
    (RCPT, 550, "5.7.511", "Access denied, banned sender [192.0.2.1]", COOLING, "listed"),
    (DOT, 550, "5.7.515", "Access denied, sending domain does not meet the level", POLICY, "authentication"),
    (DOT, 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", OFF, "sender refused"),
    (DOT, 554, "5.2.252", "SendAsDenied; not allowed to send as", OFF, "sender refused"),
    (DOT, 554, "5.2.0", "SubmissionQuotaExceededException; quota exceeded", COOLING, "account quota"),
    (RCPT, 550, "5.1.90", "Your message can't be sent because you've reached your daily limit", COOLING, "account quota"),
    (AUTH, 535, "5.7.139", "Authentication unsuccessful, basic authentication is disabled.", OFF, "credentials"),
    (AUTH, 535, "5.7.3", "Authentication unsuccessful", OFF, "credentials"),
    (RCPT, 451, "4.7.500", "Server busy. Please try again later", LATER, ""),
    (MAIL, 451, "4.7.650", "The mail server [192.0.2.1] has been temporarily rate limited", COOLING, "throttled"),
    (RCPT, 550, "5.4.14", "Hop count exceeded - possible mail loop", LATER, "routing"),
    (DOT, 554, "5.6.0", "Corrupt message content", POLICY, "content"),
    (RCPT, 552, "5.2.2", "Mailbox full", LATER, "mailbox full"),
    (DOT, 552, "5.2.3", "RESOLVER.RST.SendSizeLimit; message too large", POLICY, "content"),
    # Postfix
    (RCPT, 550, "5.1.1", "<x@y.example>: Recipient address rejected: User unknown in virtual table", FAILED, SUPPRESS),
    (RCPT, 450, "4.2.0", "<x@y.example>: Recipient address rejected: Greylisted", LATER, "greylisted"),
    (RCPT, 450, "4.7.1", "Greylisting in action, please come back in 00:05:00", LATER, "greylisted"),
    (RCPT, 450, "4.1.1", "<x@y.example>: Recipient address rejected: unverified address", LATER, ""),
    (RCPT, 554, "5.7.1", "<x@y.example>: Relay access denied", POLICY, "policy"),
    (RCPT, 554, "5.7.1", "Service unavailable; Client host blocked using zen.spamhaus.org", COOLING, "listed"),
    (RCPT, 553, "5.7.1", "<me@y.example>: Sender address rejected: not owned by user me", OFF, "sender refused"),
    (RCPT, 550, "5.1.0", "<me@y.example>: Sender address rejected: User unknown", POLICY, "policy"),
    (RCPT, 550, "5.1.8", "<me@y.example>: Sender address rejected: Domain not found", OFF, "sender refused"),
    (MAIL, 553, "5.1.7", "<x>: Sender address rejected", OFF, "sender refused"),
    (MAIL, 452, "4.3.1", "Insufficient system storage", LATER, ""),
    (MAIL, 552, "5.3.4", "Message size exceeds fixed limit", POLICY, "content"),
    (DOT, 552, "5.3.4", "Error: message file too big", POLICY, "content"),
    (DOT, 451, "4.3.0", "Error: queue file write error", LATER, ""),
    (DOT, 550, "5.7.1", "Blocked by SpamAssassin", POLICY, "policy"),
    (RCPT, 452, "4.5.3", "Error: too many recipients", LATER, ""),
    (DATA, 554, "5.5.1", "Error: no valid recipients", COOLING, "protocol fault"),
    (MAIL, 503, "5.5.1", "Error: nested MAIL command", COOLING, "protocol fault"),
    (RCPT, 501, "5.1.3", "Bad recipient address syntax", FAILED, SUPPRESS),
    (RCPT, 556, "5.1.10", "Domain does not accept mail (nullMX)", FAILED, SUPPRESS),
    (RCPT, 550, "5.1.2", "Host or domain name not found", FAILED, "domain"),
    (RCPT, 550, "5.1.6", "Mailbox has moved", FAILED, SUPPRESS),
    # Exim
    (RCPT, 550, "", "Unrouteable address", FAILED, "address refused"),
    (RCPT, 550, "", "No such user here", FAILED, SUPPRESS),
    (RCPT, 550, "", "Unknown user", FAILED, SUPPRESS),
    (RCPT, 550, "", "Sender verify failed: no such user", POLICY, "policy"),
    (RCPT, 451, "", "Temporary local problem - please try later", LATER, ""),
    (RCPT, 550, "", "relay not permitted", FAILED, "address refused"),
    (DOT, 550, "", "This message scored 12.3 spam points.", POLICY, "policy"),
    (DOT, 552, "", "Message size exceeds maximum permitted", POLICY, "content"),
    # qmail, Sendmail and others
    (RCPT, 553, "", "sorry, no mailbox by that name (#5.1.1)", FAILED, SUPPRESS),
    (RCPT, 551, "", "User does not exist", FAILED, SUPPRESS),
    (RCPT, 550, "", "Requested action not taken: mailbox unavailable", FAILED, "address refused"),
    (RCPT, 552, "", "Mailbox full", LATER, "mailbox full"),
    (RCPT, 452, "", "Mailbox over quota", LATER, "mailbox full"),
    (RCPT, 550, "", "Message rejected due to our policy", POLICY, "policy"),
    (RCPT, 525, "5.7.13", "User account disabled", FAILED, "inactive"),
    (RCPT, 550, "5.7.17", "Mailbox owner has changed", FAILED, SUPPRESS),
    (RCPT, 550, "5.7.1", "Message blocked due to spam content", POLICY, "policy"),
    (RCPT, 502, "", "Command not implemented", COOLING, "protocol fault"),
    (RCPT, 501, "", "Syntax error in parameters", FAILED, "address refused"),
    (CONNECT, 554, "5.7.1", "Access denied", COOLING, "greeting refused"),
    (CONNECT, 421, "", "Service not available", COOLING, ""),
    (CONNECT, 550, "5.7.1", "spamhaus", COOLING, "greeting refused"),
    (TLS, 454, "4.7.0", "TLS not available due to temporary reason", COOLING, ""),
    (TLS, 502, "5.5.1", "Not supported", OFF, "TLS"),
    (AUTH, 538, "5.7.11", "Encryption required", OFF, "credentials"),
    (AUTH, 421, "4.7.0", "Bye", COOLING, ""),
    (AUTH, 451, "4.3.0", "Try again", COOLING, ""),
    (AUTH, 504, "5.5.4", "Unrecognized authentication type", COOLING, "protocol fault"),
    (AUTH, 550, "5.7.0", "Account locked", OFF, "credentials"),
    # SES and Yahoo
    (DOT, 554, "", "Message rejected: Email address is not verified.", POLICY, "policy"),
    (DOT, 454, "", "Throttling failure: Maximum sending rate exceeded.", COOLING, "throttled"),
    (DOT, 454, "", "Throttling failure: Daily message quota exceeded.", COOLING, "account quota"),
    (MAIL, 421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred", COOLING, "throttled"),
    (DOT, 554, "5.7.9", "Message not accepted for policy reasons.", POLICY, "authentication"),
    (RCPT, 554, "", "delivery error: dd This user doesn't have a yahoo.com account", FAILED, "address refused"),
    # refused in the body, or late
    (BODY, 552, "5.3.4", "Too big", POLICY, "content"),
    (BODY, 451, "4.3.0", "Later", LATER, ""),
    (BODY, 421, "4.3.2", "Shutting down", LATER, ""),
    (BODY, 554, "5.7.1", "No", POLICY, "policy"),
    (DOT, 550, "5.1.1", "User unknown", FAILED, SUPPRESS),
    (DOT, 550, "", "No such user", POLICY, "policy"),
    (DOT, 550, "5.1.3", "Bad address", POLICY, "policy"),
    (DOT, 421, "", "Closing", LATER, ""),
    (DATA, 451, "", "Later", LATER, ""),
    (DATA, 421, "", "Closing", COOLING, ""),
    (DATA, 550, "5.1.1", "User unknown", FAILED, SUPPRESS),
    (MAIL, 421, "", "Too many connections", COOLING, ""),
    (MAIL, 450, "4.2.1", "Rate", COOLING, "throttled"),
    (MAIL, 550, "", "Sender not allowed", OFF, "sender refused"),
    (MAIL, 501, "5.1.7", "Bad sender address syntax", OFF, "sender refused"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "code", "enhanced", "text", "action", "also"), REPLIES)
def test_reply(stage, code, enhanced, text, action, also):
    decision = decide(stage, Reply(code, enhanced, text), Fault.NONE)
    assert decision.action is action
    assert decision.suppress == (also == SUPPRESS)
    if also and also != SUPPRESS:
        assert also in {decision.why, decision.reason}


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
    if decision.action in {FAILED, POLICY}:
        assert 500 <= code <= 599
        assert stage in {MAIL, RCPT, DATA, BODY, DOT}
        assert decision.reason in {"address", "policy", "content"}
    if decision.suppress:
        assert decision.action is FAILED
        assert stage in {RCPT, DATA, BODY, DOT}
    if stage in {CONNECT, TLS, AUTH}:
        assert decision.action in {COOLING, OFF}
    if 400 <= code <= 499:
        assert decision.action in {LATER, COOLING}


def test_every_row_can_be_reached_by_its_own_stages():
    for rule in RULES:
        assert rule.stages
        assert rule.stages <= frozenset(Stage)
        assert rule.decision.why


def test_before_body_is_all_but_body_and_dot():
    assert frozenset(Stage) - {BODY, DOT} == BEFORE_BODY
