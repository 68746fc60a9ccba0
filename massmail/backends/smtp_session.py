"""The client's side of one SMTP connection that is logged in, without input or output.

Bytes that arrived go in (``received``); buffers to write (``outgoing``) and what became of mails
(``outcomes``) come out. Who moves the bytes and watches the clock: ``smtp_connection``.

Commands and replies are matched by a queue: each command adds what is awaited, each reply takes
the first. Where the server announced PIPELINING (RFC 2920), MAIL, RCPT and DATA leave together,
and the envelope of the next mail right behind a body: one round trip a mail. In lock-step one
command is awaited at a time; all else is the same.
"""

import enum
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from massmail.backends import smtp_protocol as protocol
from massmail.backends.base import BuiltMail, Fault, Outcome, Reply, Stage
from massmail.backends.smtp_protocol import FullReply

SERVICE_CLOSING = 421
START_BODY = 354
_BAD_SEQUENCE = 503
_POINTS_TO_PIPELINING = frozenset({Fault.TIMEOUT, Fault.STALLED, Fault.GARBAGE, Fault.DISCONNECTED})


class _Command(enum.Enum):
    """What a reply is awaited for; the value is the stage as others name it."""

    RSET = Stage.MAIL, 0
    MAIL = Stage.MAIL, 1
    RCPT = Stage.RCPT, 2
    DATA = Stage.DATA, 3
    LONE_DOT = Stage.DATA, 4  # ends a body that a server wants though it refused the recipient
    DOT = Stage.DOT, 5
    QUIT = Stage.MAIL, 6

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage = stage
        self.number = number  # values have to differ


_RSET, _MAIL, _RCPT, _DATA, _LONE_DOT, _DOT, _QUIT = _Command


@dataclass(slots=True, eq=False)
class _Transaction:
    """A mail on its way, and its refusal, kept until the replies to its envelope are read."""

    mail: BuiltMail
    refusal: Outcome | None = None


class SmtpSession:
    """One connection after its login: at most one body in doubt, and one envelope.

    The owner writes ``outgoing`` and tells by ``wrote``; takes ``outcomes`` and ``not_begun``
    (mails of which nothing was accepted, and that may go over another connection); and when
    ``has_go_ahead`` either sends the body or ends the session. After ``has_ended`` the
    connection can only be closed; ``farewell`` tells why if no outcome does.
    """

    def __init__(
        self,
        capabilities: Mapping[str, str],
        *,
        pipelined: bool,
        parser: protocol.ReplyParser | None = None,
    ) -> None:
        """Take what the server announced, and whether to make use of its PIPELINING.

        ``parser`` holds what came behind the reply to the login.
        """
        self.features = protocol.features_of(capabilities)
        self.pipelined = pipelined
        self.outgoing: list[bytes | memoryview] = []
        self.outcomes: list[Outcome] = []
        self.not_begun: list[BuiltMail] = []
        self.has_go_ahead = False  # 354 was read: the body may be sent
        self.has_ended = False
        self.farewell: tuple[Reply | None, Fault, str] | None = None
        self.mishandles_pipelining = False
        self.mail_count = 0
        self.reply_count = 0
        self._names_size = "SIZE" in capabilities
        self._parser = parser or protocol.ReplyParser()
        # commands whose reply is awaited, and where in the stream of bytes each ends
        self._awaited: deque[tuple[_Command, _Transaction | None, int]] = deque()
        self._unsaid: deque[tuple[_Command, bytes]] = deque()  # of the envelope, in lock-step
        self._queued = self._written = 0  # bytes since the beginning
        self._envelope: _Transaction | None = None  # begun, and nothing of its body sent
        self._in_doubt: _Transaction | None = None  # its body begun, and not answered
        self._needs_reset = False
        self.received(b"")

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is on the wire, so that a mail may begin."""
        return not (self._awaited or self.has_go_ahead or self.has_ended)

    @property
    def is_in_doubt(self) -> bool:
        """Tell whether a body was begun and not answered."""
        return self._in_doubt is not None

    @property
    def stage(self) -> Stage:
        """Return what the session waits for; in a body until its last byte was handed over."""
        if not self._awaited:
            return Stage.DATA if self.has_go_ahead else Stage.MAIL
        command, _, end = self._awaited[0]
        return Stage.BODY if command is _DOT and self._written < end else command.stage

    # --- what the owner asks for

    def begin(self, mail: BuiltMail) -> None:
        """Queue the envelope of a mail; the session is idle. Raises ValueError."""
        commands = protocol.envelope_commands(mail, self.features, names_size=self._names_size)
        self._begin(_Transaction(mail), commands)
        if self._parser.has_leftover:
            self._break("a reply to nothing")

    def send_body(self, following: BuiltMail | None = None) -> None:
        """Queue the body that has the go-ahead, and behind it the envelope of the next mail.

        Only a pipelined session takes a ``following`` mail. Raises ValueError for that one, and
        then nothing is queued.
        """
        transaction = self._envelope
        assert transaction is not None
        behind = following and protocol.envelope_commands(
            following, self.features, names_size=self._names_size
        )
        mail = transaction.mail
        self.has_go_ahead, self._envelope, self._in_doubt = False, None, transaction
        self._say(mail.data if mail.is_stuffed else protocol.stuff_body(mail.data))
        if mail.tail:
            self._say(mail.tail)
        self._say(protocol.END_OF_DATA)
        self._awaited.append((_DOT, transaction, self._queued))
        if following and behind:
            self._begin(_Transaction(following), behind)

    def quit(self) -> None:
        """Queue QUIT; the session is idle, and ends with the reply."""
        self._say(b"QUIT\r\n")
        self._awaited.append((_QUIT, None, self._queued))

    def stop(self) -> None:
        """End here, since the mail in the envelope may not begin: it gets no outcome."""
        self._end()

    def wrote(self, size: int) -> None:
        """Note that so many bytes of ``outgoing`` were handed over."""
        self._written += size
        if self._written == self._queued:
            self.outgoing.clear()
            return
        while size >= len(self.outgoing[0]):
            size -= len(self.outgoing.pop(0))
        if size:
            self.outgoing[0] = memoryview(self.outgoing[0])[size:]

    # --- what the other side does

    def received(self, data: bytes) -> None:
        """Take in bytes as they came."""
        self._parser.feed(data)
        try:
            while not self.has_ended and (reply := self._parser.next_reply()):
                self.reply_count += 1
                self._take(reply)
        except protocol.UnreadableReply as error:
            self._break(str(error))

    def closed(self, fault: Fault, detail: str = "") -> None:
        """Note that the connection is of no use any more: lost, out of time, or out of step.

        A mail in doubt has an outcome with the fault. A mail in its envelope has one if it is
        the first that waits for a reply, so that trouble of the account is seen.
        """
        if self.has_ended:
            return
        envelope, in_doubt = self._envelope, self._in_doubt
        if self.pipelined and envelope is not None and fault in _POINTS_TO_PIPELINING:
            self.mishandles_pipelining = True
        if in_doubt is not None:
            self.outcomes.append(Outcome(in_doubt.mail, self.stage, None, fault, detail))
        elif envelope is not None:
            self._envelope = None
            refusal = envelope.refusal
            if refusal is None:
                refusal = Outcome(envelope.mail, self.stage, None, fault, detail)
            elif fault is Fault.GARBAGE:  # who knows whom the refusal was for
                refusal = Outcome(envelope.mail, refusal.stage, None, fault, detail)
            self.outcomes.append(refusal)
        told = in_doubt is not None or envelope is not None
        self._in_doubt = None
        self._end(None if told else (None, fault, detail))

    def _take(self, reply: FullReply) -> None:
        """Give a reply to the command that it answers."""
        if not self._awaited:
            return self._hear_unasked(reply)
        command, transaction, end = self._awaited[0]
        if self._written < end and command is not _DOT and reply.code != SERVICE_CLOSING:
            return self._break("a reply to nothing")  # what it would answer was not yet asked
        if transaction is None:
            return self._end()  # to QUIT
        if command is _DOT:
            self._answer_body(transaction, reply)
        elif command is _RSET:
            self._answer_reset(reply)
        elif transaction.refusal is not None:
            self._answer_refused(command, transaction, reply)
        elif command is _DATA:
            self._answer_data(transaction, reply)
        elif reply.kind == 2:
            self._awaited.popleft()
            self._say_next()
        else:
            self._refuse(command, transaction, reply)
        return None

    def _hear_unasked(self, reply: FullReply) -> None:
        """Take a 421, which a closing server may say unasked; anything else is out of step."""
        if reply.code == SERVICE_CLOSING:
            self._end((reply.brief(), Fault.NONE, ""))
        else:
            self._break("a reply to nothing")

    def _answer_reset(self, reply: FullReply) -> None:
        """Go on after RSET; if it was not done, the mail behind it is not to blame."""
        if reply.kind == 2:
            self._awaited.popleft()
            return self._say_next()
        closing = reply.code == SERVICE_CLOSING
        fault = Fault.DISCONNECTED if closing else Fault.GARBAGE
        return self._end((None, fault, f"RSET answered with {reply.code}"))

    def _answer_data(self, transaction: _Transaction, reply: FullReply) -> None:
        if reply.code != START_BODY:
            self._refuse(_DATA, transaction, reply)
        elif self._parser.has_leftover:
            self._break("a reply to nothing")
        else:
            self._awaited.popleft()
            self.has_go_ahead = True

    def _refuse(self, command: _Command, transaction: _Transaction, reply: FullReply) -> None:
        """Keep a refusal until the other replies to the envelope are read, then tell it."""
        if reply.kind not in {4, 5}:
            return self._break(f"unexpected {reply.code}")
        self._awaited.popleft()
        brief = reply.brief()
        transaction.refusal = Outcome(transaction.mail, command.stage, brief)
        if self.pipelined and (brief.code == _BAD_SEQUENCE or brief.enhanced.startswith("5.5.")):
            self.mishandles_pipelining = True
        return self._tell_when_answered(transaction, reply)

    def _answer_refused(
        self, command: _Command, transaction: _Transaction, reply: FullReply
    ) -> None:
        """Drop what else is said to a refused envelope, as long as it is in step."""
        if command is _DATA and reply.code == START_BODY and not self._parser.has_leftover:
            self._awaited.popleft()
            self._say(protocol.END_OF_DATA)
            self._awaited.append((_LONE_DOT, transaction, self._queued))
            return None
        if reply.kind not in {4, 5} and not (command is _LONE_DOT and reply.kind == 2):
            return self._break(f"unexpected {reply.code} after a refusal")
        self._awaited.popleft()
        return self._tell_when_answered(transaction, reply)

    def _tell_when_answered(self, transaction: _Transaction, reply: FullReply) -> None:
        """Give out a refusal once nothing more is awaited, or nothing more will come."""
        closing = reply.code == SERVICE_CLOSING
        if self._awaited and not closing:
            return
        assert transaction.refusal is not None
        self.outcomes.append(transaction.refusal)
        self._envelope = None
        self._unsaid.clear()
        self._needs_reset = True
        if closing:
            self._end()

    def _answer_body(self, transaction: _Transaction, reply: FullReply) -> None:
        """Tell what became of a body. A refusal before its end ends the connection with it."""
        kind, stage = reply.kind, self.stage
        if kind not in {4, 5} and not (kind == 2 and stage is Stage.DOT):
            return self._break(f"unexpected {reply.code}")
        self.outcomes.append(Outcome(transaction.mail, stage, reply.brief()))
        self._in_doubt = None
        self._awaited.popleft()
        if stage is Stage.BODY or reply.code == SERVICE_CLOSING:
            return self._end()
        if kind != 2 and not self._awaited:
            self._needs_reset = True
        return None

    # --- commands

    def _begin(self, transaction: _Transaction, commands: tuple[bytes, bytes, bytes]) -> None:
        self._envelope = transaction
        self.mail_count += 1
        if self._needs_reset:
            self._unsaid.append((_RSET, b"RSET\r\n"))
            self._needs_reset = False
        if not self.pipelined:
            self._unsaid.extend(zip((_MAIL, _RCPT, _DATA), commands, strict=True))
            return self._say_next()
        self._say_next()
        self._say(b"".join(commands))
        end = self._queued
        self._awaited += (
            (_MAIL, transaction, end),
            (_RCPT, transaction, end),
            (_DATA, transaction, end),
        )
        return None

    def _say_next(self) -> None:
        """Say the next command that waits for its turn, if any."""
        if self._unsaid:
            command, line = self._unsaid.popleft()
            self._say(line)
            self._awaited.append((command, self._envelope, self._queued))

    def _say(self, data: bytes) -> None:
        self.outgoing.append(data)
        self._queued += len(data)

    def _break(self, detail: str) -> None:
        self.closed(Fault.GARBAGE, detail)

    def _end(self, farewell: tuple[Reply | None, Fault, str] | None = None) -> None:
        """End the session; the mail of an envelope that was not refused was not begun."""
        self.has_ended, self.has_go_ahead = True, False
        self.farewell = farewell
        envelope, self._envelope = self._envelope, None
        if envelope is not None and envelope.refusal is not None:
            self.outcomes.append(envelope.refusal)
        elif envelope is not None:
            self.not_begun.append(envelope.mail)
        self._awaited.clear()
        self._unsaid.clear()
        self.outgoing.clear()
