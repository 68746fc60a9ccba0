"""A small SMTP server that takes every mail and keeps none: `python -m benchmarks.sink PORT`.

It stands in for postfix's `smtp-sink` where that is not installed: one process, one selector,
pipelining, 8BITMIME and SMTPUTF8 announced. It ends with SIGTERM.
"""

import selectors
import socket
import sys
from collections.abc import Callable

_EHLO = (
    b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 52428800\r\n"
)
_OK = b"250 2.0.0 Ok\r\n"
_END = b"\r\n.\r\n"
_KEPT = len(_END) - 1  # bytes of a body that may be the beginning of its end
_CHUNK = 262_144


class Client:
    """One connection: bytes in, replies out."""

    def __init__(self) -> None:
        self._commands = bytearray()
        self._tail: bytes | None = None  # the last bytes of a body; None between bodies
        self.ended = False

    def received(self, data: bytes) -> bytes:
        """Return the replies to what was received."""
        replies: list[bytes] = []
        rest: bytes | None = data
        while rest is not None:
            if self._tail is None:
                rest = self._read_commands(rest, replies.append)
            else:
                rest = self._read_body(rest, replies.append)
        return b"".join(replies)

    def _read_commands(self, data: bytes, reply: Callable[[bytes], None]) -> bytes | None:
        self._commands += data
        while (end := self._commands.find(b"\r\n")) >= 0:
            verb = bytes(self._commands[:4]).upper()
            del self._commands[: end + 2]
            reply(_REPLIES.get(verb, _OK))
            self.ended = self.ended or verb == b"QUIT"
            if verb == b"DATA":
                rest = bytes(self._commands)
                self._commands.clear()
                self._tail = b"\r\n"  # an empty body is a dot alone
                return rest
        return None

    def _read_body(self, data: bytes, reply: Callable[[bytes], None]) -> bytes | None:
        assert self._tail is not None
        seen = self._tail + data
        end = seen.find(_END)
        if end < 0:
            self._tail = seen[-_KEPT:]
            return None
        self._tail = None
        reply(_OK)
        return seen[end + len(_END) :]


_REPLIES = {
    b"EHLO": _EHLO,
    b"DATA": b"354 Go on\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


def serve(port: int) -> None:
    """Serve on this port of 127.0.0.1 until the process is ended."""
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _events in selector.select():
            if key.data is None:
                connection, _address = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ, Client())
                connection.sendall(b"220 sink.example ESMTP\r\n")
                continue
            assert isinstance(key.fileobj, socket.socket)
            if not _answered(key.fileobj, key.data):
                selector.unregister(key.fileobj)
                key.fileobj.close()


def _answered(connection: socket.socket, client: Client) -> bool:
    """Read and answer what came; False once the connection is over."""
    try:
        data = connection.recv(_CHUNK)
        if data:
            connection.sendall(client.received(data))
    except OSError:
        return False
    return bool(data) and not client.ended


if __name__ == "__main__":
    serve(int(sys.argv[1]))
