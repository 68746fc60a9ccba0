"""An SMTP server for experiments: fast, pipelined, scripted, with a log that survives kill -9.

Which one to use: `tests.smtp_server` keeps whole mails and commands for a look at what was sent;
this one keeps who got which Message-ID, on disk before it says 250, announces what it is told to
(PIPELINING, CHUNKING …), draws chances from a seed, and takes thousands of mails a second.

In a test it runs in a thread:

    with ChaosServer(log_path=tmp_path / "accepted") as server:
        server.on("dot", ACCEPT, RESET, share=0.05)
        ... send to ("127.0.0.1", server.port) ...

For an experiment that kills processes it is one of them, and says its port in a line of JSON:

    python -m tests.faults.chaos_server --log accepted --rules rules.json --life-s 600

A *rule* (`chaos_rules`) is for a stage: ``connect`` (the greeting), ``tls`` (before the handshake),
``ehlo``, ``starttls``, ``auth``, ``mail``, ``rcpt``, ``data`` (the reply to DATA; with BDAT there
is none), ``body`` (some of it was read), ``dot`` (or the last BDAT), ``rset``, ``quit``. The newest
rule that is used decides; its actions are done in order. A text is a reply, one line or several
divided by a line feed, instead of the usual one: 2xx at ``dot`` takes the mail. Bytes are sent as
they are; a callable is called, and what it returns, if it is a text, is the reply. Without a reply
or an end among them the usual reply follows.
"""

import argparse
import asyncio
import json
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, Self

from tests.faults.accept_log import Accepted, AcceptLog
from tests.faults.chaos_rules import Action, Rule, read_rules
from tests.faults.chaos_session import Session

ANNOUNCED = (
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "CHUNKING",
    "ENHANCEDSTATUSCODES",
    "SIZE 99999999",
)


@dataclass
class ChaosServer:
    """The server, a context manager; see the module's text.

    ``tls`` is ``"none"``, ``"starttls"`` (announced) or ``"implicit"``, with a ``certificate`` file
    as of `tests.smtp_certificates`. ``users`` maps names to passwords; AUTH is announced if there
    are any. ``receive_buffer_bytes`` makes the kernel take little ahead, so that a body is still on
    its way when a rule stops reading it.
    """

    announced: tuple[str, ...] = ANNOUNCED
    tls: Literal["none", "starttls", "implicit"] = "none"
    certificate: Path | None = None
    users: dict[str, str] = field(default_factory=dict)
    log_path: Path | None = None
    rules: list[Rule] = field(default_factory=list)
    seed: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    receive_buffer_bytes: int = 0
    connections: int = 0
    clear_bytes: bytearray = field(default_factory=bytearray)  # what came without TLS
    log: AcceptLog = field(init=False)
    stopping: asyncio.Event = field(init=False)
    ssl_context: ssl.SSLContext | None = None
    sessions: set[Session] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Prepare what does not need a loop."""
        self.log = AcceptLog(self.log_path)
        self.chance = Random(self.seed)
        if self.certificate is not None:
            self.ssl_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.ssl_context.load_cert_chain(self.certificate)

    # --- what a test asks and says

    @property
    def accepted(self) -> list[Accepted]:
        """What the server took so far."""
        return list(self.log.entries)

    def on(
        self,
        stage: str,
        *actions: Action,
        recipient: str | None = None,
        times: int | None = None,
        every: int = 1,
        share: float = 1.0,
    ) -> Rule:
        """Add a rule, which goes before those that are there."""
        rule = Rule(stage, actions, recipient, times, every, share)
        self.rules = [rule, *self.rules]
        return rule

    def forget_rules(self) -> None:
        """Do the usual from now on."""
        self.rules = []

    def take_rule(self, stage: str, recipient: str) -> Rule | None:
        """Return the rule to use now, if any."""
        for rule in self.rules:
            if rule.is_used(stage, recipient, self.chance):
                return rule
        return None

    # --- running

    async def serve(self, started: Callable[[], None]) -> None:
        """Serve until `stop` is called; tell when the port is known."""
        loop = asyncio.get_running_loop()
        self.stopping, self._loop = asyncio.Event(), loop
        self.log.open()
        listener = await loop.create_server(lambda: Session(self), sock=self._listening())
        started()
        await self.stopping.wait()
        listener.close()
        while self.sessions:
            session = next(iter(self.sessions))
            session.abort()
            await session.ended
        self.log.close()

    def _listening(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.receive_buffer_bytes:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer_bytes)
        listening.bind((self.host, self.port))
        self.port = listening.getsockname()[1]
        return listening

    def stop(self) -> None:
        """End `serve`, from any thread."""
        self._loop.call_soon_threadsafe(self.stopping.set)

    def __enter__(self) -> Self:
        """Serve on a thread."""
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.serve(started.set)), daemon=True
        )
        self._thread.start()
        if not started.wait(10):
            raise RuntimeError("the chaos server does not start")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the end."""
        self.stop()
        self._thread.join(10)


def main() -> None:
    """Serve as a process of its own until SIGTERM, or to the end of its life."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--announce", default=",".join(ANNOUNCED))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--life-s", type=float, default=1800)
    options = parser.parse_args()
    server = ChaosServer(
        announced=tuple(filter(None, options.announce.split(","))),
        log_path=options.log,
        rules=read_rules(options.rules) if options.rules else [],
        seed=options.seed,
        port=options.port,
    )
    asyncio.run(_live(server, options.life_s))


async def _live(server: ChaosServer, life_s: float) -> None:
    loop = asyncio.get_running_loop()

    def started() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stopping.set)
        loop.call_later(life_s, server.stopping.set)
        sys.stdout.write(json.dumps({"port": server.port}) + "\n")
        sys.stdout.flush()

    await server.serve(started)


if __name__ == "__main__":
    main()
