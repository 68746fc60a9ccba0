"""One TCP or TLS connection whose every wait is bounded, sliced and watched.

Knows nothing of SMTP: it moves bytes, and says in one exception why it cannot.
"""

import contextlib
import errno
import math
import select
import selectors
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from massmail.backends.base import BEFORE_BODY, Fault, Stage, Watch
from massmail.backends.hosts import Address
from massmail.errors import MassmailError

RECEIVE_BYTES = 16 * 1024
SEND_BYTES = 64 * 1024
_IN_PROGRESS = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR})

Clock = Callable[[], float]


class LinkError(MassmailError):
    """The connection is of no use any more; ``fault`` says why."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        """Keep the fault and a short detail without addresses or secrets."""
        self.fault = fault
        self.detail = detail
        super().__init__(f"{fault} {detail}".strip())


@dataclass(slots=True)
class Patience:
    """How long one step may wait for the other side, and who is asked meanwhile.

    ``limit_s`` runs since the start or the last progress, ``total_s`` (none by default) since
    the start. The watch is asked whenever ``slice_s`` has passed. Seconds, by ``clock``.
    """

    stage: Stage
    limit_s: float
    watch: Watch
    clock: Clock
    slice_s: float = 5.0
    stall_s: float = 60.0
    total_s: float = math.inf
    started_at: float | None = None  # if it began before anybody looked
    _started_at: float = field(init=False)
    _progress_at: float = field(init=False)
    _asked_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Start counting."""
        started_at = self.clock() if self.started_at is None else self.started_at
        self._started_at = self._progress_at = self._asked_at = started_at

    def progress(self, at: float | None = None) -> None:
        """Begin ``limit_s`` anew, since something moved, now or when it did."""
        self._progress_at = self.clock() if at is None else at

    def next_slice_s(self) -> float:
        """Return how long to wait at most before asking here again.

        Raises LinkError when the time is over (TIMEOUT) or the watch gives up: STALLED before a
        body and after ``stall_s``, else STOPPED.
        """
        now = self.clock()
        waited_s = now - self._progress_at
        left_s = min(self.limit_s - waited_s, self.total_s - (now - self._started_at))
        if left_s <= 0:
            raise LinkError(Fault.TIMEOUT, f"no answer for {waited_s:.0f} s")
        if now - self._asked_at >= self.slice_s:
            self._asked_at = now
            if not self.watch.waiting(waited_s, self.stage):
                stalled = self.stage in BEFORE_BODY and waited_s >= self.stall_s
                raise LinkError(Fault.STALLED if stalled else Fault.STOPPED)
        return min(self.slice_s - (now - self._asked_at), left_s)


class Link:
    """A connected, non-blocking socket, perhaps with TLS.

    Every method that may wait takes a ``Patience``, and raises LinkError.
    """

    def __init__(self, connected: socket.socket) -> None:
        """Take over a connected socket."""
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._wanted = select.POLLOUT  # what a send that could not go on waits for

    @classmethod
    def connect(cls, address: Address, patience: Patience) -> "Link":
        """Connect to one address; network."""
        connecting = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            connecting.setblocking(False)
            code = connecting.connect_ex(address.socket_address)
            if code in _IN_PROGRESS:
                _wait(connecting, select.POLLOUT, patience)
                code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                # reset right after it was accepted, before we looked
                is_reset = code in {errno.ECONNRESET, errno.EPIPE}
                fault = Fault.DISCONNECTED if is_reset else Fault.REFUSED
                raise LinkError(fault, errno.errorcode.get(code, str(code)))
            return cls(connecting)
        except BaseException:
            connecting.close()
            raise

    @property
    def local_address(self) -> str:
        """Return our own IP address on this connection."""
        return str(self._socket.getsockname()[0])

    def start_tls(self, context: ssl.SSLContext, host: str, patience: Patience) -> None:
        """Shake hands and verify the server as ``host``; network.

        Raises LinkError with the fault TLS when the handshake or the certificate fails.
        """
        try:
            self._socket.getpeername()  # if it was reset by now, wrapping would lose it unclosed
            wrapped = context.wrap_socket(
                self._socket, server_hostname=host, do_handshake_on_connect=False
            )
        except (ValueError, ssl.SSLError) as error:
            raise LinkError(Fault.TLS, type(error).__name__) from error
        except OSError as error:
            raise LinkError(Fault.DISCONNECTED, "in the TLS handshake") from error
        self._socket = wrapped
        while True:
            try:
                return wrapped.do_handshake()
            except ssl.SSLWantReadError:
                _wait(wrapped, select.POLLIN, patience)
            except ssl.SSLWantWriteError:
                _wait(wrapped, select.POLLOUT, patience)
            except (ssl.SSLEOFError, ConnectionError) as error:
                raise LinkError(Fault.DISCONNECTED, "in the TLS handshake") from error
            except ssl.SSLError as error:
                raise LinkError(Fault.TLS, error.reason or type(error).__name__) from error
            except OSError as error:
                raise LinkError(Fault.DISCONNECTED, type(error).__name__) from error

    @property
    def is_secure(self) -> bool:
        """Tell whether it is TLS: bytes may wait here that no selector sees."""
        return isinstance(self._socket, ssl.SSLSocket)

    def fileno(self) -> int:
        """Return what a selector watches."""
        return self._socket.fileno()

    @property
    def wanted_events(self) -> int:
        """What to wait for, by a selector, until a send that could not go on may."""
        wants_write = self._wanted == select.POLLOUT
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if wants_write else 0)

    def try_send_all(self, buffers: Sequence[bytes | memoryview]) -> int:
        """Hand over what fits now of several buffers, and return how many bytes that was.

        They are not joined: the kernel gathers them. With TLS the first one goes alone.
        """
        if self.is_secure:
            return self.try_send(memoryview(buffers[0]))
        try:
            return self._socket.sendmsg(buffers)
        except BlockingIOError:
            self._wanted = select.POLLOUT
            return 0
        except OSError as error:
            raise LinkError(Fault.DISCONNECTED, type(error).__name__) from error

    def try_send(self, data: memoryview) -> int:
        """Hand over what fits now, and return how many bytes that was."""
        try:
            return self._socket.send(data[:SEND_BYTES])
        except ssl.SSLWantReadError:
            self._wanted = select.POLLIN
            return 0
        except (ssl.SSLWantWriteError, BlockingIOError):
            self._wanted = select.POLLOUT
            return 0
        except OSError as error:
            raise LinkError(Fault.DISCONNECTED, type(error).__name__) from error

    def try_receive(self) -> bytes | None:
        """Return what has arrived: None if nothing yet, ``b""`` if the other side is done."""
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return None
        except OSError as error:
            raise LinkError(Fault.DISCONNECTED, type(error).__name__) from error

    def send_all(self, data: bytes, patience: Patience) -> None:
        """Hand over all bytes; network."""
        rest = memoryview(data)
        while rest:
            sent = self.try_send(rest)
            rest = rest[sent:]
            if not sent:
                self.wait_to_send(patience)

    def receive(self, patience: Patience) -> bytes:
        """Wait for bytes and return them; network. Raises LinkError at the end of the stream."""
        while (received := self.try_receive()) is None:
            _wait(self._socket, select.POLLIN, patience)
        if not received:
            raise LinkError(Fault.DISCONNECTED, "closed by the server")
        return received

    def wait_to_send(self, patience: Patience, *, or_receive: bool = False) -> None:
        """Wait until a send may go on or, if asked so, until something arrives."""
        _wait(self._socket, self._wanted | (select.POLLIN if or_receive else 0), patience)

    def close(self) -> None:
        """Close at once, without a word; never raises."""
        with contextlib.suppress(OSError):  # the connection is gone either way
            self._socket.close()


def _wait(waiting: socket.socket, events: int, patience: Patience) -> None:
    """Wait for events of a socket, slice by slice.

    What has already arrived is seen before the clock: a process that was stopped for an hour
    still reads the reply that came meanwhile.
    """
    poll = select.poll()
    poll.register(waiting, events)
    wait_ms = 0
    while not poll.poll(wait_ms):
        wait_ms = math.ceil(patience.next_slice_s() * 1000)
