"""The tests that every transport passes; a transport's own test class derives from this one.

    class TestMyTransport(TransportContract):
        def transport(self): ...            # a new one, not open, to a server that takes mail
        def accepted(self): ...             # the recipients of the mails taken so far, in order
        def refuse(self, recipient): ...    # from now on this one recipient is refused
        def broken_transport(self): ...     # a new one whose server cannot be reached

Needs no database and no settings; collected by pytest as any class named ``Test…``.
"""

import abc
from collections.abc import Iterator

from massmail.backends.base import (
    BuiltMail,
    Outcome,
    ReadyMails,
    Stage,
    Transport,
    TransportError,
)


def contract_mail(recipient: str) -> BuiltMail:
    """Return a small mail, with a line that begins with a dot."""
    message_id = f"<{recipient}>"
    data = f"Message-ID: {message_id}\r\nSubject: Contract\r\n\r\n.Hello\r\n".encode()
    return BuiltMail("sender@example.com", recipient, message_id, data)


class CountingWatch:
    """A watch that lets ``begins`` questions pass, then says no; it always goes on waiting."""

    def __init__(self, begins: int = 1_000_000) -> None:
        """Allow so many questions."""
        self.begins = begins

    def may_begin(self) -> bool:
        """Count, and say whether one more may begin."""
        self.begins -= 1
        return self.begins >= 0

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        """Go on waiting."""
        return True


class TransportContract(abc.ABC):
    """What the engine relies on, whatever the transport."""

    @abc.abstractmethod
    def transport(self) -> Transport:
        """Return a new transport, not yet open, whose server takes mail."""

    @abc.abstractmethod
    def broken_transport(self) -> Transport:
        """Return a new transport whose server cannot be reached."""

    @abc.abstractmethod
    def accepted(self) -> list[str]:
        """Return the recipients of the mails taken so far, in order."""

    @abc.abstractmethod
    def refuse(self, recipient: str) -> None:
        """Make the server refuse this recipient for good, and take all others."""

    names = ("ann@example.com", "bob@example.com", "eve@example.com")

    def mails(self) -> Iterator[BuiltMail]:
        """Return an iterator over one mail for each name."""
        return iter([contract_mail(name) for name in self.names])

    def send_all(self, watch: CountingWatch | None = None) -> list[Outcome]:
        """Send all mails over a new transport, and return the outcomes."""
        transport = self.transport()
        transport.open()
        try:
            return list(transport.send(ReadyMails(self.mails()), watch or CountingWatch()))
        finally:
            transport.close()

    def test_each_mail_has_one_outcome(self) -> None:
        """Every mail begun has one outcome, accepted ones were taken by the server."""
        outcomes = self.send_all()
        _equal(sorted(outcome.mail.recipient for outcome in outcomes), list(self.names))
        _equal([outcome.accepted for outcome in outcomes], [True] * 3)
        _equal(sorted(self.accepted()), list(self.names))

    def test_refused_mail_does_not_stop_the_others(self) -> None:
        """A refusal is an outcome with a reply, and the next mail follows."""
        self.refuse("bob@example.com")
        outcomes = {outcome.mail.recipient: outcome for outcome in self.send_all()}
        _equal([outcomes[name].accepted for name in self.names], [True, False, True])
        _equal(outcomes["bob@example.com"].reply is not None, True)
        _equal(sorted(self.accepted()), ["ann@example.com", "eve@example.com"])

    def test_watch_forbids_from_the_start_consumes_nothing(self) -> None:
        """No mail is begun or taken from the source when the watch says no."""
        transport = self.transport()
        transport.open()
        mails = self.mails()
        _equal(list(transport.send(ReadyMails(mails), CountingWatch(begins=0))), [])
        transport.close()
        _equal(len(list(mails)), 3)
        _equal(self.accepted(), [])

    def test_mail_stopped_before_its_body_has_no_outcome(self) -> None:
        """The watch is asked again right before the first body byte."""
        _equal(self.send_all(CountingWatch(begins=1)), [])
        _equal(self.accepted(), [])

    def test_nothing_to_send_yields_nothing(self) -> None:
        """A source with nothing is fine, and the connection serves the next call."""
        transport = self.transport()
        transport.open()
        _equal(list(transport.send(ReadyMails([]), CountingWatch())), [])
        _equal(len(list(transport.send(ReadyMails(self.mails()), CountingWatch()))), 3)
        transport.close()

    def test_unreachable_server_raises_transport_error(self) -> None:
        """Opening tells of the account's trouble, and closing is still fine."""
        transport = self.broken_transport()
        try:
            transport.open()
        except TransportError as error:
            _equal(bool(error.fault or error.reply), True)
        else:
            raise AssertionError("open() did not raise")
        finally:
            transport.close()

    def test_close_may_come_at_any_time(self) -> None:
        """Close before open and twice; open again after close."""
        transport = self.transport()
        transport.close()
        transport.open()
        transport.close()
        transport.close()
        transport.open()
        _equal(len(list(transport.send(ReadyMails(self.mails()), CountingWatch()))), 3)
        transport.close()

    def test_closed_transport_begins_nothing(self) -> None:
        """After close there is no connection to send on."""
        transport = self.transport()
        transport.open()
        transport.close()
        _equal(list(transport.send(ReadyMails(self.mails()), CountingWatch())), [])


def _equal(found: object, expected: object) -> None:
    """Fail with both values, without relying on a test runner's rewriting."""
    if found != expected:
        raise AssertionError(f"{found!r} != {expected!r}")
