"""The session without sockets: each stage meets each event, in lock-step and pipelined.

Two mails, ann and bob; bob's envelope stands behind ann's body where the server is pipelined.
A break is a close, silence, or garbage.

| what comes instead of the usual reply to ann's | ann | bob | connection |
| --- | --- | --- | --- |
| MAIL, RCPT, DATA: 4xx or 5xx | that reply at that stage | sent, after RSET | goes on |
| MAIL, RCPT, DATA: 421 | 421 at that stage | not begun | ends |
| MAIL, RCPT, DATA: a break | the fault at that stage | not begun | ends |
| DATA: 354, but a recipient was refused | the refusal | sent, after a lone dot and RSET | goes on |
| body, before its end: 4xx, 5xx, 421 | that reply at BODY | not begun | ends |
| body, before its end: 2xx, or a break | the fault at BODY, in doubt | not begun | ends |
| dot: 4xx or 5xx | that reply at DOT | sent | goes on |
| dot: 421 | 421 at DOT | not begun | ends |
| dot: a break | the fault at DOT, in doubt | not begun | ends |
| dot: taken; then to bob's envelope any of the above | sent | as ann above | as above |
| nothing (idle): 421, close, garbage | | not begun; told by `farewell` | ends |
"""

import ast
import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import massmail
from massmail.backends.base import BuiltMail, Fault, Stage
from massmail.backends.smtp_session import SmtpSession
from tests.massmail.backends.talk import Talk, mail_to, name_of

STAGES = ["mail", "rcpt", "data", "body", "dot"]
BEFORE_BODY = STAGES[:3]
REFUSALS = {"4xx": b"451 4.3.0 Later\r\n", "5xx": b"550 5.1.1 Nobody\r\n"}
CLOSING = {"421": b"421 4.3.2 Bye\r\n"}
BREAKS = {
    "close": (Fault.DISCONNECTED, Fault.DISCONNECTED),
    "silence": (Fault.TIMEOUT, Fault.TIMEOUT),
    "garbage": (b"hello\r\n", Fault.GARBAGE),
    "wrong code": (b"334 What\r\n", Fault.GARBAGE),
}
WAYS = pytest.mark.parametrize("pipelined", [False, True], ids=["lock-step", "pipelined"])
SENT = ("bob", Stage.DOT, 250)


def code_of(answer):
    return int(answer[:3])


@WAYS
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_refusal(stage, answer, pipelined):
    talk = Talk(["ann", "bob"], {(stage, "ann"): answer}, pipelined=pipelined)
    found = talk.run()
    ends = stage == "body"
    assert found == [("ann", Stage(stage), code_of(answer)), *([] if ends else [SENT])]
    assert talk.not_begun == (["bob"] if ends else [])
    assert talk.taken == ([] if ends else ["bob"])
    assert talk.session.has_ended == ends
    sent_ahead = stage == "dot" and pipelined
    assert talk.commands.count("RSET") == (0 if ends or sent_ahead else 1)


@WAYS
@pytest.mark.parametrize("stage", STAGES)
def test_421_ends_the_connection(stage, pipelined):
    talk = Talk(["ann", "bob"], {(stage, "ann"): CLOSING["421"]}, pipelined=pipelined)
    assert talk.run() == [("ann", Stage(stage), 421)]
    assert (talk.not_begun, talk.taken) == (["bob"], [])
    assert talk.session.has_ended
    assert talk.session.farewell is None


@WAYS
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("answer", "fault"), BREAKS.values(), ids=BREAKS)
def test_break(stage, answer, fault, pipelined):
    talk = Talk(["ann", "bob"], {(stage, "ann"): answer}, pipelined=pipelined)
    assert talk.run() == [("ann", Stage(stage), fault)]
    assert (talk.not_begun, talk.taken) == (["bob"], [])
    assert talk.session.farewell is None


@WAYS
def test_acceptance_before_the_end_of_a_body_is_garbage(pipelined):
    talk = Talk(["ann", "bob"], {("body", "ann"): b"250 Ok\r\n"}, pipelined=pipelined)
    assert talk.run() == [("ann", Stage.BODY, Fault.GARBAGE)]


@WAYS
@pytest.mark.parametrize("stage", BEFORE_BODY)
@pytest.mark.parametrize(
    ("answer", "found"),
    [
        *((answer, code_of(answer)) for answer in (*REFUSALS.values(), *CLOSING.values())),
        *BREAKS.values(),
    ],
)
def test_envelope_behind_a_body_that_was_taken(stage, answer, found, pipelined):
    talk = Talk(["ann", "bob"], {(stage, "bob"): answer}, pipelined=pipelined)
    assert talk.run() == [("ann", Stage.DOT, 250), ("bob", Stage(stage), found)]
    assert (talk.not_begun, talk.taken) == ([], ["ann"])


@WAYS
@pytest.mark.parametrize("reply", [b"250 Ok\r\n", b"554 5.5.1 No recipients\r\n"])
@pytest.mark.parametrize("stage", ["mail", "rcpt"])
def test_body_wanted_although_it_was_refused_is_ended_by_a_lone_dot(stage, reply, pipelined):
    answers = {
        (stage, "ann"): b"550 5.1.1 Nobody\r\n",
        ("data without recipient", ""): b"354 Go\r\n",
        ("lone dot", ""): reply,
    }
    talk = Talk(["ann", "bob"], answers, pipelined=pipelined)
    assert talk.run() == [("ann", Stage(stage), 550), SENT]
    assert talk.taken == ["bob"]
    assert ("." in talk.commands) == pipelined
    assert talk.commands.count("RSET") == 1


@WAYS
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"421 Bye\r\n", Fault.DISCONNECTED),
        (b"550 No\r\n", Fault.GARBAGE),
        (b"354 No\r\n", Fault.GARBAGE),
    ],
)
def test_refused_reset_leaves_the_mail_behind_it_alone(answer, fault, pipelined):
    answers = {("rcpt", "ann"): b"550 5.1.1 Nobody\r\n", ("rset", ""): answer}
    talk = Talk(["ann", "bob"], answers, pipelined=pipelined)
    assert talk.run() == [("ann", Stage.RCPT, 550)]
    assert talk.not_begun == ["bob"]
    assert talk.session.farewell == (None, fault, f"RSET answered with {code_of(answer)}")


@WAYS
def test_connection_lost_at_reset_is_told_by_the_mail_behind_it(pipelined):
    answers = {("rcpt", "ann"): b"550 5.1.1 Nobody\r\n", ("rset", ""): Fault.DISCONNECTED}
    talk = Talk(["ann", "bob"], answers, pipelined=pipelined)
    assert talk.run()[1] == ("bob", Stage.MAIL, Fault.DISCONNECTED)


@WAYS
@pytest.mark.parametrize(
    ("said", "reply", "fault"),
    [
        (b"421 4.4.2 Idle\r\n", 421, Fault.NONE),
        (b"250 What\r\n", None, Fault.GARBAGE),
        (b"\0\r\n", None, Fault.GARBAGE),
    ],
)
def test_idle_connection_ends_with_a_farewell(said, reply, fault, pipelined):
    session = SmtpSession({}, pipelined=pipelined)
    session.received(said)
    assert session.farewell is not None
    told, why, _ = session.farewell
    assert (told and told.code, why, session.has_ended) == (reply, fault, True)
    assert (session.outcomes, session.not_begun) == ([], [])


@WAYS
def test_half_a_line_before_a_mail_is_garbage(pipelined):
    session = SmtpSession({}, pipelined=pipelined)
    session.received(b"550")
    session.begin(mail_to("ann"))
    assert [(each.stage, each.fault) for each in session.outcomes] == [(Stage.MAIL, Fault.GARBAGE)]


@WAYS
def test_watch_that_says_no_before_a_body_leaves_no_outcome(pipelined):
    talk = Talk(["ann", "bob"], pipelined=pipelined, watch=lambda name: name != "bob")
    assert talk.run() == [("ann", Stage.DOT, 250)]
    assert (talk.not_begun, talk.taken) == (["bob"], ["ann"])


@pytest.mark.parametrize("stray", [b"550 5.1.1 Nobody\r\n", b"250 Ok\r\n", b"354 Go\r\n"])
@pytest.mark.parametrize("stage", STAGES[:3] + STAGES[4:])
@WAYS
def test_stray_reply_is_never_counted_for_another(stage, stray, pipelined):
    usual = b"354 Go\r\n" if stage == "data" else b"250 Ok\r\n"
    talk = Talk(["ann", "bob"], {(stage, "ann"): usual + stray}, pipelined=pipelined)
    found = talk.run()
    assert talk.session.has_ended
    assert [each for each in found if each[0] == "bob" and each[2] == 550] == []
    if stage == "dot":
        assert found[0] == ("ann", Stage.DOT, 250)


@pytest.mark.parametrize(
    ("answers", "points"),
    [
        ({("rcpt", "ann"): Fault.TIMEOUT}, True),
        ({("mail", "ann"): Fault.STALLED}, True),
        ({("data", "ann"): Fault.DISCONNECTED}, True),
        ({("rcpt", "ann"): b"hello\r\n"}, True),
        ({("rcpt", "ann"): b"503 5.5.1 One at a time\r\n"}, True),
        ({("data", "ann"): b"554 5.5.1 Too early\r\n"}, True),
        ({("rcpt", "ann"): Fault.STOPPED}, False),
        ({("rcpt", "ann"): b"550 5.1.1 Nobody\r\n"}, False),
        ({("mail", "ann"): b"421 4.3.2 Bye\r\n"}, False),
        ({("dot", "bob"): Fault.DISCONNECTED}, False),
        ({("dot", "ann"): Fault.DISCONNECTED}, True),
    ],
)
@WAYS
def test_what_points_to_trouble_with_pipelining(answers, points, pipelined):
    talk = Talk(["ann", "bob"], answers, pipelined=pipelined)
    talk.run()
    assert talk.session.mishandles_pipelining == (points and pipelined)


def test_pipelined_mail_takes_one_round_trip():
    session = SmtpSession({}, pipelined=True)
    session.begin(mail_to("ann"))
    envelope = b"MAIL FROM:<ann@from.example>\r\nRCPT TO:<ann@to.example>\r\nDATA\r\n"
    assert b"".join(session.outgoing) == envelope
    session.wrote(len(envelope))
    session.received(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
    session.send_body(mail_to("bob"))
    assert b"".join(session.outgoing) == (
        b"Subject: Hi\r\n\r\n..Hi\r\n.\r\n" + envelope.replace(b"ann", b"bob")
    )


def test_tail_goes_out_as_it_is():
    tail = b"--x\r\n" * 10
    session = SmtpSession({}, pipelined=True)
    session.begin(BuiltMail("a@b.example", "c@d.example", "<1>", b"S: 1\r\n\r\n", tail))
    session.wrote(len(b"".join(session.outgoing)))
    session.received(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
    session.send_body()
    assert session.outgoing[1] is tail


@pytest.mark.parametrize(
    ("fields", "announced", "command"),
    [
        ({}, {}, b"MAIL FROM:<a@b.example>"),
        ({}, {"SIZE": "1000"}, b"MAIL FROM:<a@b.example> SIZE=11"),
        ({"eight_bit": True}, {"8BITMIME": ""}, b"MAIL FROM:<a@b.example> BODY=8BITMIME"),
        (
            {"eight_bit": True, "smtputf8": True},
            {"8BITMIME": "", "SMTPUTF8": "", "SIZE": ""},
            b"MAIL FROM:<a@b.example> BODY=8BITMIME SMTPUTF8 SIZE=11",
        ),
    ],
)
def test_mail_names_what_the_server_has_to_know(fields, announced, command):
    session = SmtpSession(announced, pipelined=False)
    session.begin(
        BuiltMail(
            "a@b.example", "c@d.example", "<1>", b"S: 1\r\n", b"tail\n"[:3] + b"\r\n", **fields
        )
    )
    assert session.outgoing == [command + b"\r\n"]


@pytest.mark.parametrize(
    "fields",
    [{"eight_bit": True}, {"smtputf8": True}, {"tail": b".\r\n"}, {"tail": b"no line end"}],
)
def test_mail_that_the_server_cannot_take_sends_nothing(fields):
    session = SmtpSession({}, pipelined=True)
    mail = BuiltMail("a@b.example", "c@d.example", "<1>", b"S: 1\r\n", **fields)
    with pytest.raises(ValueError, match=r"announce|whole lines"):
        session.begin(mail)
    assert (session.outgoing, session.is_idle) == ([], True)


ANSWERS = {
    ("rcpt", "bob"): b"550-5.1.1 No\r\n550 5.1.1 such user\r\n",
    ("mail", "eve"): b"451 4.3.0 Later\r\n",
    ("dot", "joe"): b"554 5.6.0 No\r\n",
}
NAMES = ["ann", "bob", "eve", "joe", "zoe"]


@WAYS
@pytest.mark.parametrize("size", range(1, 40))
def test_replies_are_the_same_however_they_are_cut(size, pipelined):
    cut = Talk(NAMES, ANSWERS, pipelined=pipelined, cut=lambda: size)
    assert cut.run() == Talk(NAMES, ANSWERS, pipelined=pipelined).run()
    assert cut.taken == ["ann", "zoe"]


@WAYS
@given(st.integers(0, 2**32))
def test_every_mail_gets_exactly_its_own_reply(pipelined, seed):
    dice = random.Random(seed)
    names = [f"m{number}" for number in range(200)]
    answers, expected = {}, []
    for name in names:
        stage = dice.choice(["mail", "rcpt", "data", "dot", "dot", "dot"])
        code = dice.choice([450, 451, 550, 552, 554] + [250] * 5 * (stage == "dot"))
        answers[stage, name] = f"{code} {code // 100}.0.0 {name}\r\n".encode()
        expected.append((name, stage, code, name))
    talk = Talk(names, answers, pipelined=pipelined, cut=lambda: dice.randint(1, 60))
    talk.run()
    assert [
        (name_of(each.mail), each.stage, each.reply.code, each.reply.text)
        for each in talk.session.outcomes
        if each.reply
    ] == expected


PIECES = st.sampled_from(
    [
        *(b"250 Ok\r\n", b"354 Go\r\n", b"550 5.1.1 No\r\n", b"421 Bye\r\n"),
        *(b"250-a\r\n", b"25", b"\0", b"\r\n"),
    ]
)


@WAYS
@given(st.lists(PIECES), st.binary(max_size=50))
def test_no_bytes_at_all_let_a_mail_be_forgotten(pipelined, pieces, rest):
    session = SmtpSession({}, pipelined=pipelined)
    mails, begun = [mail_to(name) for name in "abcdef"], []
    for piece in [*pieces, rest]:
        if session.is_idle and mails:
            begun.append(mails.pop())
            session.begin(begun[-1])
        if session.outgoing:
            session.wrote(len(b"".join(session.outgoing)))
        session.received(piece)
        if session.has_go_ahead:
            following = mails.pop() if pipelined and mails else None
            begun += [following] if following else []
            session.send_body(following)
    session.closed(Fault.DISCONNECTED)
    told = [outcome.mail for outcome in session.outcomes] + session.not_begun
    assert sorted(mail.recipient for mail in told) == sorted(mail.recipient for mail in begun)


def imported_by(path):
    """Return the names of all modules that a file imports at its top, those of ours followed."""
    waiting = [path]
    found: set[str] = set()
    root = Path(massmail.__file__).parent.parent
    while waiting:
        for node in ast.parse(waiting.pop().read_text()).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            module = getattr(node, "module", None)
            if isinstance(node, ast.ImportFrom):
                names = [module, *(f"{module}.{name}" for name in names)]
            elif not isinstance(node, ast.Import):
                continue
            for name in set(names) - found:
                found.add(name)
                file = root / (name.replace(".", "/") + ".py")
                waiting += [file] if file.exists() else []
    return found


def test_session_imports_nothing_that_does_input_or_output():
    found = imported_by(Path(massmail.__file__).parent / "backends" / "smtp_session.py")
    tops = {name.partition(".")[0] for name in found}
    assert (
        tops & {"socket", "ssl", "select", "selectors", "django", "asyncio", "threading"} == set()
    )
    assert "massmail.backends.smtp_protocol" in found


def test_every_pair_of_stages_of_two_mails():
    """Refusals of two mails in a row, wherever they come, are told apart."""
    for first, second in itertools.product(STAGES[:3] + STAGES[4:], repeat=2):
        answers = {(first, "ann"): b"550 5.1.1 ann\r\n", (second, "bob"): b"450 4.2.0 bob\r\n"}
        talk = Talk(["ann", "bob", "eve"], answers, pipelined=True)
        assert talk.run() == [
            ("ann", Stage(first), 550),
            ("bob", Stage(second), 450),
            ("eve", Stage.DOT, 250),
        ]
