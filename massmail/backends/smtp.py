"""The SMTP transport: connections of one account, and mails over them.

Up to DATA nothing of a mail was accepted; from its first body byte to the reply to the dot it is
in doubt. What a reply means is left to ``services/smtp_replies.py``, when to send and when to open
again to the caller. The parts: ``smtp_opening`` opens a connection, ``smtp_session`` says what is
said on it, ``smtp_connection`` moves its bytes, ``smtp_pool`` keeps several, ``smtp_sending`` hands
out the mails.
"""

from collections.abc import Callable, Iterator
from typing import Self, Unpack

from massmail.backends.base import AccessTokens, MailSource, Outcome, Step, Watch
from massmail.backends.smtp_opening import Opener, OpeningOptions, SmtpAccount
from massmail.backends.smtp_pool import Pool
from massmail.backends.smtp_sending import Sending


class SmtpTransport:
    """A transport that speaks SMTP; see ``base.Transport`` for the contract."""

    def __init__(self, account: SmtpAccount, **options: Unpack[OpeningOptions]) -> None:
        """Take an account, and the options of ``Opener``; nothing is connected yet."""
        self._pool = Pool(Opener(account, **options), account.connections)

    @classmethod
    def from_account(
        cls,
        account: SmtpAccount,
        *,
        allow_private_hosts: bool,
        access_tokens: AccessTokens | None = None,
    ) -> Self:
        """Return the transport of an account, as the registry asks for it."""
        return cls(account, allow_private_hosts=allow_private_hosts, access_tokens=access_tokens)

    @property
    def is_open(self) -> bool:
        """Whether a connection is left to send on."""
        return bool(self._pool.connections)

    def open(self, watch: Watch | None = None) -> None:
        """Open the first connection; network. Raises TransportError.

        Those that are still open are dropped first. See ``Opener.open``.
        """
        self._pool.open_first(watch)

    def open_watched(self, watch: Watch, done: Callable[[Step], None]) -> None:
        """Open, and tell each step that is done; see ``base.WatchedOpening``."""
        self._pool.open_first(watch, done)

    def send(self, source: MailSource, watch: Watch) -> Iterator[Outcome]:
        """Send mails, and yield what becomes of each; network. See ``base.Transport.send``.

        More connections are opened while all are at work and the source has more, and in place
        of one that broke as long as another is left. A complete 4xx or 5xx reply that was read
        before the dot was sent is an outcome at BODY with that reply: no server accepts half a
        mail. Raises ValueError for a mail that cannot be put into commands.
        """
        yield from Sending(self._pool, source, watch).outcomes()

    def close(self) -> None:
        """Say QUIT on each connection, for at most ``quit_s``, and close; never raises."""
        self._pool.close()
