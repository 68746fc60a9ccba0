"""A proxy before PostgreSQL that counts statements, whatever library sends them.

It reads the frontend's side of the protocol (PostgreSQL documentation, chapter "Frontend/Backend
Protocol"): a simple query is one statement, and so is each Execute.
"""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_CHUNK = 262_144


@dataclass
class Counted:
    """How many statements went through so far."""

    statements: int = 0


@dataclass
class _Client:
    """The frontend's side of one connection."""

    counted: Counted
    buffer: bytearray = field(default_factory=bytearray)
    has_begun: bool = False

    def wants_encryption(self, data: bytes) -> bool:
        """Tell whether these first bytes ask for TLS or GSSAPI, which are refused here."""
        code = int.from_bytes(data[4:8])
        return not self.has_begun and len(data) == 8 and code in {_SSL_REQUEST, _GSS_REQUEST}

    def read(self, data: bytes) -> None:
        """Count the statements in what was sent."""
        self.buffer += data
        while True:
            kind_bytes = 1 if self.has_begun else 0  # the first message has no kind
            head = kind_bytes + 4
            if len(self.buffer) < head:
                return
            length = int.from_bytes(self.buffer[kind_bytes:head]) + kind_bytes
            if len(self.buffer) < length:
                return
            self.counted.statements += self.has_begun and bytes(self.buffer[:1]) in {b"Q", b"E"}
            self.has_begun = True
            del self.buffer[:length]


@contextmanager
def counting(host: str, port: int) -> Iterator[tuple[int, Counted]]:
    """Run a counting proxy before a server; give its port, and what it counts."""
    counted, stop = Counted(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(listener, (host, port), counted, stop))
    thread.start()
    try:
        yield listener.getsockname()[1], counted
    finally:
        stop.set()
        thread.join()
        listener.close()


def _serve(
    listener: socket.socket, server: tuple[str, int], counted: Counted, stop: threading.Event
) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while not stop.is_set():
            for key, _events in selector.select(0.2):
                assert isinstance(key.fileobj, socket.socket)
                if key.data is None:
                    near, _address = listener.accept()
                    far = socket.create_connection(server)
                    selector.register(near, selectors.EVENT_READ, (far, _Client(counted)))
                    selector.register(far, selectors.EVENT_READ, (near, None))
                elif not _carried(key.fileobj, *key.data):
                    selector.unregister(key.fileobj)


def _carried(source: socket.socket, target: socket.socket, client: _Client | None) -> bool:
    """Carry what came; False once this side is over."""
    try:
        data = source.recv(_CHUNK)
        if not data:
            target.shutdown(socket.SHUT_WR)
        elif client is not None and client.wants_encryption(data):
            source.sendall(b"N")
        else:
            if client is not None:
                client.read(data)
            target.sendall(data)
    except OSError:  # the other side is gone
        return False
    return bool(data)
