"""One connection of the chaos server: reads commands, applies rules, replies.

Replies are gathered and written once all that arrived is read; mails taken meanwhile are on disk
before.
"""

import asyncio
import base64
import contextlib
import re
import socket
import struct
from typing import TYPE_CHECKING, cast

from tests.faults.chaos_rules import Act, Action, Delay, Until

if TYPE_CHECKING:
    from tests.faults.chaos_server import ChaosServer

HELD_BYTES = 4 * 1024 * 1024  # read ahead at most
CLEAR_BYTES = 1024 * 1024  # kept of what comes without TLS
LOOK_S = 0.002  # how often a condition is asked
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>\s]*>)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"


class Ended(Exception):
    """The connection ends here, as a rule wants or because the client left."""


class Session(asyncio.Protocol):
    """One connection. `ended` is done when its socket is closed."""

    def __init__(self, server: "ChaosServer") -> None:
        self.server = server
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.secure = False
        self.recipients: list[str] = []
        self._input = bytearray()
        self._place = 0  # up to here the input is used
        self._output = bytearray()
        self._arrived = asyncio.Event()
        self._is_over = False  # nothing more will arrive
        self._is_taken = False  # the mail at its dot
        self._stays_plain = False  # a rule wants no handshake
        self._chunks = bytearray()  # of BDAT

    # --- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._socket = transport.get_extra_info("socket")
        self.server.connections += 1
        self.number = self.server.connections
        self.server.sessions.add(self)
        self._task = asyncio.create_task(self._run())

    def data_received(self, data: bytes) -> None:
        self._input += data
        if not self.secure and len(self.server.clear_bytes) < CLEAR_BYTES:
            self.server.clear_bytes += data
        self._arrived.set()
        if len(self._input) - self._place > HELD_BYTES:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._is_over = True
        self._arrived.set()
        return not self.secure  # what was asked is answered

    def connection_lost(self, error: Exception | None) -> None:
        self._is_over = True
        self._arrived.set()
        self.server.sessions.discard(self)
        if not self.ended.done():
            self.ended.set_result(None)

    def abort(self) -> None:
        """End at once."""
        self._task.cancel()
        self._transport.abort()

    # --- the conversation

    async def _run(self) -> None:
        try:
            if self.server.tls == "implicit":
                self._transport.pause_reading()  # what follows is for the handshake
                await self._start_tls()
            if (await self._step("connect", "220 chaos.example ESMTP"))[:1] == "2":
                while True:
                    await self._command((await self._line()).decode("latin-1"))
        except (Ended, OSError, asyncio.CancelledError):  # as it should be
            pass
        finally:
            self._transport.close()

    async def _command(self, line: str) -> None:
        verb = line[:4].upper()
        if verb == "MAIL":
            self.recipients = []
            await self._step("mail", "250 2.1.0 Sender ok")
        elif verb == "RCPT":
            await self._rcpt(line)
        elif verb == "DATA":
            await self._data()
        elif verb == "BDAT":
            await self._bdat(line.split())
        elif verb == "EHLO":
            await self._ehlo()
        elif verb == "RSET":
            self._forget_mail()
            await self._step("rset", "250 2.0.0 Reset")
        elif verb == "STAR":
            await self._starttls()
        elif verb == "AUTH":
            await self._auth(line.split(" "))
        elif verb == "QUIT":
            await self._step("quit", "221 2.0.0 Bye")
            await self._flush()
            raise Ended
        else:
            self._reply("502 5.5.1 Unknown command")

    async def _ehlo(self) -> None:
        words = list(self.server.announced)
        if self.server.tls == "starttls" and not self.secure:
            words.append("STARTTLS")
        if self.server.users:
            words.append("AUTH PLAIN LOGIN")
        lines = ["chaos.example", *words]
        usual = [f"250-{text}" for text in lines[:-1]] + [f"250 {lines[-1]}"]
        await self._step("ehlo", "\n".join(usual))

    async def _starttls(self) -> None:
        self._transport.pause_reading()
        reply = await self._step("starttls", "220 2.0.0 Go ahead")
        if reply[:1] == "2" and not self.secure:
            await self._start_tls()
        else:
            self._transport.resume_reading()

    async def _start_tls(self) -> None:
        await self._flush()
        rule = self.server.take_rule("tls", "")
        for action in rule.actions if rule else ():
            await self._act(action, "tls")
        await self._flush()
        if self._stays_plain:
            return self._transport.resume_reading()
        self._input.clear()
        self._place = 0
        loop = asyncio.get_running_loop()
        context = self.server.ssl_context
        assert context is not None, "a certificate is needed"
        try:
            secured = await loop.start_tls(self._transport, self, context, server_side=True)
        except BaseException:
            self.connection_lost(None)  # from here on the loop tells only its own TLS layer
            raise
        assert secured is not None
        self._transport, self.secure = secured, True
        return None

    async def _auth(self, words: list[str]) -> None:
        if words[1].upper() == "LOGIN":
            user, password = (
                await self._ask("334 VXNlcm5hbWU6"),
                await self._ask("334 UGFzc3dvcmQ6"),
            )
        else:
            given = words[2] if len(words) > 2 else None
            response = base64.b64decode(given).decode() if given else await self._ask("334 ")
            _, user, password = response.split("\0")
        if password and self.server.users.get(user) == password:
            await self._step("auth", "235 2.7.0 Accepted")
        else:
            await self._step("auth", "535 5.7.8 Authentication credentials invalid")

    async def _ask(self, question: str) -> str:
        self._reply(question)
        return base64.b64decode(await self._line()).decode()

    async def _rcpt(self, line: str) -> None:
        address = line[line.index("<") + 1 : line.rindex(">")]
        self.recipients.append(address)
        if (await self._step("rcpt", "250 2.1.5 Recipient ok"))[:1] != "2":
            self.recipients.pop()

    async def _data(self) -> None:
        usual = "354 Go ahead" if self.recipients else "503 5.5.1 No recipients"
        if (await self._step("data", usual))[:1] != "3":
            return
        if self._has_rules("body"):
            await self._wait_for_input()
            await self._step("body", "")
        await self._dot(await self._body())

    async def _dot(self, data: bytes) -> None:
        """Take the mail, or what the rule says, and reply."""
        self._body_of_mail, self._is_taken = data, False
        usual = "250 2.0.0 Taken" if self.recipients else "554 5.5.1 No valid recipients"
        await self._step("dot", usual)
        self._forget_mail()

    async def _body(self) -> bytes:
        """Return a body up to its dot, which is used up; stuffing is left as it is."""
        looked = self._place
        while True:
            if self._input.startswith(b".\r\n", self._place):
                return self._use(0, 3)
            end = self._input.find(_END, looked)
            if end >= 0:
                return self._use(end + 2 - self._place, 3)
            length = len(self._input) - self._place
            await self._more()
            looked = self._place + max(0, length - len(_END))

    async def _bdat(self, words: list[str]) -> None:
        size, is_last = int(words[1]), words[-1].upper() == "LAST"
        while len(self._input) - self._place < size:
            await self._more()
        self._chunks += self._use(size, 0)
        if self._has_rules("body"):
            await self._step("body", "")
        if not self.recipients:
            self._reply("503 5.5.1 No recipients")
        elif is_last:
            await self._dot(bytes(self._chunks))
        else:
            self._reply(f"250 2.0.0 {size} octets")
        if is_last:
            self._chunks.clear()

    def _forget_mail(self) -> None:
        self.recipients = []
        self._body_of_mail = b""

    # --- rules

    def _has_rules(self, stage: str) -> bool:
        return any(rule.stage == stage for rule in self.server.rules)

    async def _step(self, stage: str, usual: str) -> str:
        """Do what a rule says, else give the usual reply; return the reply that was given."""
        recipient = self.recipients[-1] if self.recipients else ""
        rule = self.server.take_rule(stage, recipient) if self.server.rules else None
        said = ""
        for action in rule.actions if rule else ():
            said = await self._act(action, stage) or said
        if not said and usual:
            said = await self._act(usual, stage)
        return said

    async def _act(self, action: Action, stage: str) -> str:
        """Do one action; return what was said, if anything. A mail is taken before it is said."""
        match action:
            case str():
                if stage == "dot" and action.startswith("2"):
                    self._take()
                self._reply(action)
                return action
            case bytes():
                self._output += action
                return action.decode("latin-1")
            case Act.ACCEPT:
                self._take()
            case Act.PLAIN:
                self._stays_plain = True
            case Act():
                await self._break_off(action, stage)
            case Delay():
                await self._flush()
                await asyncio.sleep(action.seconds)
            case Until():
                await self._flush()
                await self._wait_until(action)
            case _:
                said = action()
                return await self._act(said, stage) if isinstance(said, str) else ""
        return ""

    async def _break_off(self, act: Act, stage: str) -> None:
        """Say no more: hang until the client leaves, or close."""
        await self._flush()
        if act is Act.HANG:
            if stage == "body":
                self._transport.pause_reading()
            while not self._is_over:
                self._arrived.clear()
                await self._arrived.wait()
        elif act is Act.RESET:
            linger = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()
        raise Ended

    async def _wait_until(self, wait: Until) -> None:
        while not wait.condition():
            if self._is_over:
                raise Ended
            await asyncio.sleep(LOOK_S)

    def _take(self) -> None:
        """Note the mail as taken, once."""
        if self._is_taken:
            return
        self._is_taken = True
        found = _MESSAGE_ID.search(self._body_of_mail)
        message_id = found[1].decode("latin-1") if found else ""
        for recipient in self.recipients:
            self.server.log.note(message_id, recipient, self.number)

    # --- bytes

    def _reply(self, text: str) -> None:
        self._output += "".join(f"{line}\r\n" for line in text.split("\n")).encode("latin-1")

    async def _flush(self) -> None:
        """Write the replies, once the mails that they promise are on disk."""
        await self.server.log.synced()
        if self._output:
            self._transport.write(bytes(self._output))
            self._output.clear()

    async def _line(self) -> bytes:
        """Return the next line, without its end."""
        while (end := self._input.find(b"\r\n", self._place)) < 0:
            await self._more()
        return self._use(end - self._place, 2)

    def _use(self, length: int, end_length: int) -> bytes:
        """Return so many bytes of the input, and use them up with their end."""
        used = bytes(self._input[self._place : self._place + length])
        self._place += length + end_length
        if self._place == len(self._input):
            self._input.clear()
            self._place = 0
        return used

    async def _wait_for_input(self) -> None:
        while self._place == len(self._input):
            await self._more()

    async def _more(self) -> None:
        """Answer what was read so far, and wait for more."""
        await self._flush()
        del self._input[: self._place]
        self._place = 0
        if self._is_over:
            raise Ended
        self._arrived.clear()
        with contextlib.suppress(RuntimeError):  # closing meanwhile
            self._transport.resume_reading()
        await self._arrived.wait()
