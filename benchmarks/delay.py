"""A proxy that makes a server far away: `python -m benchmarks.delay PORT TO_PORT ROUND_TRIP_MS`.

Each half of the way takes half of the round trip; the rate is not limited. It ends with SIGTERM.
"""

import heapq
import itertools
import selectors
import socket
import sys
import time
from dataclasses import dataclass

_CHUNK = 262_144


@dataclass
class Way:
    """One direction of one connection."""

    source: socket.socket
    target: socket.socket


class Proxy:
    """All connections to one port."""

    def __init__(self, port: int, to_port: int, *, one_way_s: float) -> None:
        self._to_port = to_port
        self._one_way_s = one_way_s
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._on_the_way: list[tuple[float, int, Way, bytes]] = []
        self._number = itertools.count()

    def serve(self) -> None:
        """Carry bytes until the process is ended."""
        while True:
            for key, _events in self._selector.select(self._rest_s()):
                if key.data is None:
                    self._connect()
                else:
                    self._read(key.data)
            while self._on_the_way and self._on_the_way[0][0] <= time.monotonic():
                _at, _number, way, data = heapq.heappop(self._on_the_way)
                self._arrive(way, data)

    def _rest_s(self) -> float | None:
        if not self._on_the_way:
            return None
        return max(0.0, self._on_the_way[0][0] - time.monotonic())

    def _connect(self) -> None:
        near, _address = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._to_port))
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(near, selectors.EVENT_READ, Way(near, far))
        self._selector.register(far, selectors.EVENT_READ, Way(far, near))

    def _read(self, way: Way) -> None:
        try:
            data = way.source.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(way.source)
        arrives_at = time.monotonic() + self._one_way_s
        heapq.heappush(self._on_the_way, (arrives_at, next(self._number), way, data))

    def _arrive(self, way: Way, data: bytes) -> None:
        try:
            if data:
                way.target.sendall(data)
            else:
                way.target.shutdown(socket.SHUT_WR)
        except OSError:  # the other side is gone already: nobody waits for these bytes
            return


if __name__ == "__main__":
    here, there, round_trip_ms = map(int, sys.argv[1:])
    Proxy(here, there, one_way_s=round_trip_ms / 2_000).serve()
