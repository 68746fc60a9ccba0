"""A transport outside the product: it puts mails into a Maildir, a folder named as the host."""

import mailbox
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from massmail.backends.base import (
    Fault,
    Features,
    MailSource,
    Outcome,
    Reply,
    Stage,
    TransportError,
    Watch,
)
from massmail.models import EmailAccount


class MaildirTransport:
    """Refuses the recipients that stand, one a line, in the folder's file `refused`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._maildir: mailbox.Maildir | None = None

    @classmethod
    def from_account(cls, account: EmailAccount, *, allow_private_hosts: bool) -> Self:
        return cls(Path(account.email_host))

    @property
    def is_open(self) -> bool:
        return self._maildir is not None

    def open(self) -> None:
        if not self.folder.is_dir():
            raise TransportError(Stage.CONNECT, None, Fault.REFUSED, "no such folder")
        self._maildir = mailbox.Maildir(self.folder / "mails")

    def send(self, source: MailSource, watch: Watch) -> Iterator[Outcome]:
        while self._maildir is not None and watch.may_begin():
            mail = source.next_mail(Features())
            if mail is None:
                return
            if mail.recipient in self._refused():
                yield Outcome(mail, Stage.RCPT, Reply(550, "5.1.1", "No such folder"))
            elif watch.may_begin():
                self._maildir.add(mail.message)
                yield Outcome(mail, Stage.DOT, Reply(250, "2.0.0", "Kept"))
            else:
                return

    def close(self) -> None:
        self._maildir = None

    def _refused(self) -> list[str]:
        file = self.folder / "refused"
        return file.read_text().splitlines() if file.exists() else []
