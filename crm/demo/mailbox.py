"""The local mailbox: an SMTP server that delivers nothing and keeps what it was given.

    python -m crm.demo.mailbox --port 2525 --file var/mailbox.sqlite3

A mail is in the file before it is answered with 250. After SIGTERM it takes no new connections,
and ends with the last open one.
"""

import argparse
import asyncio
import contextlib
import logging
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP, Envelope, Session

from crm.demo.mailbox_file import MailboxWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

GONE, LOST = "gone.", "lost."  # how addresses begin whose mails are refused, or never answered
MAX_MAIL_BYTES = 50 * 1024 * 1024
DRAIN_S = 35.0  # after SIGTERM, for the mails on the wire; longer than a sender waits for an answer
_PLAIN_ADDRESS = re.compile(r"<([A-Za-z0-9_+.-]+@[A-Za-z0-9.-]+)>")
_END = b"\r\n.\r\n"  # RFC 5321, section 4.1.1.4


class MailboxHandler:
    """Writes each mail into the file."""

    def __init__(self, writer: MailboxWriter) -> None:
        self._writer = writer
        self._sessions = 0
        self.idle = asyncio.Event()  # set while nobody is connected
        self.idle.set()

    def connected(self, change: int) -> None:
        """Note that somebody came (1) or went (-1)."""
        self._sessions += change
        if self._sessions:
            self.idle.clear()
        else:
            self.idle.set()

    async def handle_EHLO(  # noqa: N802, PLR0917  # the name and arguments that aiosmtpd calls
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(  # noqa: N802, PLR0917  # the name and arguments that aiosmtpd calls
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        if address.startswith(GONE):
            return "550 5.1.1 nobody of this name is here any more"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802  # the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        for recipient in envelope.rcpt_tos:
            self._writer.record(envelope.mail_from or "", recipient, envelope.content)
            if recipient.startswith(LOST) and isinstance(server.transport, asyncio.Transport):
                server.transport.abort()  # kept, but nobody hears of it
        return "250 2.0.0 kept"


class MailboxProtocol(SMTP):
    """An SMTP session that reads a body in large pieces instead of line by line."""

    line_length_limit = 64 * 1024  # how much is read at once

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.event_handler.connected(1)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.connected(-1)
        super().connection_lost(error)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read an address; the plain ones without the parser, which takes half of all time."""
        plain = _PLAIN_ADDRESS.match(arg)
        if plain is None:
            return super()._getaddr(arg)
        return plain[1], arg[plain.end() :]

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  # the name that aiosmtpd calls
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        data = await self._read_body()
        if data is None:
            status = "552 5.3.4 Error: too much mail data"
        else:
            self.envelope.content = data
            status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
        await self.push(status)

    async def _read_body(self) -> bytes | None:
        """Read to the line with a single dot; return what stands before it, dots unstuffed.

        None if it is too large; it is read to its end all the same.
        """
        parts: list[bytes] = []
        size_bytes, tail = 0, _END[:2]
        while tail != _END:
            try:
                part = await self._reader.readuntil(_END[2:])
            except asyncio.LimitOverrunError as error:
                part = await self._reader.readexactly(error.consumed)
            tail = (tail + part[-len(_END) :])[-len(_END) :]
            size_bytes += len(part)
            if size_bytes <= MAX_MAIL_BYTES:
                parts.append(part)
        if size_bytes > MAX_MAIL_BYTES:
            return None
        body = (_END[:2] + b"".join(parts)).removesuffix(_END[2:])
        return body.replace(b"\r\n.", b"\r\n")[2:]


async def serve(*, host: str, port: int, path: Path, port_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. The port file is written once connections are taken."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    writer = MailboxWriter(path)
    handler = MailboxHandler(writer)
    server = await loop.create_server(lambda: _session(handler), host, port)
    if port_file:
        _write_at_once(port_file, str(server.sockets[0].getsockname()[1]))
    await stopped.wait()
    server.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(handler.idle.wait(), DRAIN_S)
    writer.close()


def _session(handler: MailboxHandler) -> MailboxProtocol:
    return MailboxProtocol(
        handler,
        hostname="localhost",
        ident="demo mailbox",
        data_size_limit=MAX_MAIL_BYTES,
        enable_SMTPUTF8=True,
    )


def _write_at_once(path: Path, text: str) -> None:
    """Write a small file so that nobody reads half of it."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text(text)
    unfinished.replace(path)


def main(arguments: "Sequence[str] | None" = None) -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description="A mailbox that catches all mail.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2525, help="0: a free one")
    parser.add_argument("--file", type=Path, required=True, help="the SQLite file to write")
    parser.add_argument("--port-file", type=Path, help="where to write the port")
    options = parser.parse_args(arguments)
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(
        serve(host=options.host, port=options.port, path=options.file, port_file=options.port_file)
    )


if __name__ == "__main__":
    main()
