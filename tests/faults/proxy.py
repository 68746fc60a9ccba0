"""A bad network between a client and a server: delay, loss, a thin wire, half-open connections.

TCP hides a lost packet behind a stall until it is sent again; so *loss* here is the share of
pieces that come late by `stall_s`, and with them everything behind them. A piece is what one read
brings.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from random import Random
from typing import Self

PIECE_BYTES = 16 * 1024


@dataclass
class Proxy:
    """Forwards connections to a port on this machine; a context manager, on a thread.

    Every piece waits for `delay_s` in each direction; `loss` is the share of late pieces, `resets`
    that of pieces which break their connection. `bytes_per_s` is what the server's side reads.
    All may be changed at any time.
    """

    target_port: int
    delay_s: float = 0.0
    loss: float = 0.0
    stall_s: float = 0.2
    resets: float = 0.0
    bytes_per_s: float | None = None
    seed: int = 1
    port: int = 0
    connections: int = 0
    is_gone: bool = False  # new connections are not answered either
    _swallowed: set[int] = field(default_factory=set)

    def __enter__(self) -> Self:
        """Forward on a thread."""
        self._chance = Random(self.seed)
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), daemon=True
        )
        self._thread.start()
        if not started.wait(10):
            raise RuntimeError("the proxy does not start")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the end."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def cut(self) -> None:
        """Make all connections half-open: what is sent on them arrives nowhere, for ever."""
        self._swallowed.update(range(1, self.connections + 1))

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
        listening.bind(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        server = await asyncio.start_server(self._accept, sock=listening, limit=PIECE_BYTES)
        started.set()
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._forward(self.connections, reader, writer)
        except (OSError, asyncio.CancelledError):  # one of the sides, or the test, is done
            pass
        finally:
            self._tasks.discard(task)

    async def _forward(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
        pumps = [
            asyncio.create_task(self._pump(number, reader, back, self._rate)),
            asyncio.create_task(self._pump(number, there, writer, lambda: None)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for side in (writer, back):
                side.transport.abort() if side.is_closing() else side.close()
                with contextlib.suppress(OSError):
                    await side.wait_closed()

    def _rate(self) -> float | None:
        return self.bytes_per_s

    async def _pump(self, number, reader, writer, rate) -> None:
        """Forward pieces in order, each no earlier than its time."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        sending = asyncio.create_task(self._send(number, queue, writer, rate))
        try:
            while data := await reader.read(PIECE_BYTES):
                if number in self._swallowed or self.is_gone:
                    continue
                late_s = self.stall_s if self._chance.random() < self.loss else 0
                await queue.put((self._loop.time() + self.delay_s + late_s, data))
            await queue.put((self._loop.time() + self.delay_s, b""))
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, number, queue, writer, rate) -> None:
        while True:
            due_s, data = await queue.get()
            await asyncio.sleep(max(0, due_s - self._loop.time()))
            if not data:
                return
            if number in self._swallowed or self.is_gone:
                continue
            if self._chance.random() < self.resets:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                writer.transport.abort()
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
            if bytes_per_s := rate():
                await asyncio.sleep(len(data) / bytes_per_s)
