"""Any Django email backend as a transport: Django's own, or one of a provider (django-anymail).

Which one stands in ``settings.MASSMAIL_DJANGO_BACKENDS``. A backend cannot be interrupted once it
has a mail: give it a time limit of its own, shorter than a third of the lease (10 s). What an
exception means for the mail is in ``django_answers``.
"""

import contextlib
import email
import email.policy
from collections.abc import Iterator, Mapping
from email.message import EmailMessage, MIMEPart
from email.policy import Policy
from typing import Any, Protocol, Self, cast

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from massmail.backends.base import (
    BuiltMail,
    Fault,
    Features,
    MailSource,
    Outcome,
    Reply,
    Stage,
    Watch,
)
from massmail.backends.django_answers import outcome_of, trouble_of

PROVIDER_ID_MAX = 200  # characters
# Headers that a backend writes itself, from the parts of the mail.
_STRUCTURE = frozenset(
    {
        *("from", "to", "subject", "reply-to", "date"),
        *("mime-version", "content-type", "content-transfer-encoding"),
    }
)


class NamesTransport(Protocol):
    """What is read of an email account."""

    transport: str


class DjangoTransport:
    """A transport that hands mails to a Django email backend, one by one."""

    def __init__(self, backend: str, options: Mapping[str, Any] | None = None) -> None:
        """Take the dotted path of a backend, and its keyword arguments. Any: as it wants them."""
        self._path = backend
        self._options = dict(options or {})
        self._backend: BaseEmailBackend | None = None

    @classmethod
    def from_account(cls, account: NamesTransport, *, allow_private_hosts: bool) -> Self:  # noqa: ARG003
        """Return the transport that the account names.

        Where it leads is the operator's choice, so it may be private: ``allow_private_hosts``
        is about hosts that people type.
        """
        chosen = settings.MASSMAIL_DJANGO_BACKENDS[account.transport]
        return cls(chosen["BACKEND"], chosen.get("OPTIONS"))

    @property
    def is_open(self) -> bool:
        """Whether there is a backend to send with."""
        return self._backend is not None

    def open(self) -> None:
        """Make the backend and open its connection, if it has one; network.

        Raises TransportError. A provider that is asked over HTTP has no connection: that it cannot
        be reached, or does not know us, is told by the first mail.
        """
        self.close()
        try:
            backend = get_connection(self._path, fail_silently=False, **self._options)
            backend.open()
        except Exception as error:  # the border to backends of other packages
            raise trouble_of(error) from error
        self._backend = backend

    def send(self, source: MailSource, watch: Watch) -> Iterator[Outcome]:
        """Send mails one after the other, and yield what became of each; network.

        See ``base.Transport.send``. An exception that tells nothing is raised as it is: the mail
        may have left.
        """
        while self._backend is not None and watch.may_begin():
            mail = source.next_mail(Features())
            if mail is None:
                return
            message = DjangoMessage(mail)
            if not (watch.waiting(0, Stage.MAIL) and watch.may_begin()):
                return
            outcome = self._sent(self._backend, mail, message)
            if outcome.reply is None:
                self.close()
            yield outcome

    def close(self) -> None:
        """Close the backend's connection; never raises."""
        backend, self._backend = self._backend, None
        if backend is not None:
            # the border to other packages: nothing is lost with a connection
            with contextlib.suppress(Exception):
                backend.close()

    def _sent(
        self, backend: BaseEmailBackend, mail: BuiltMail, message: "DjangoMessage"
    ) -> Outcome:
        """Hand one mail over; raises what the backend raises if that tells nothing."""
        try:
            # some backends do not keep to Django's types, and return nothing
            number = cast("int | None", backend.send_messages([message]))
        except Exception as error:
            outcome = outcome_of(error, mail, message)
            if outcome is None:
                self.close()
                raise
            return outcome
        if number:
            return _taken(mail, message)
        if number == 0:
            return Outcome(mail, Stage.DATA, Reply(554, "", "The backend sent nothing."))
        return Outcome(mail, Stage.DOT, None, Fault.GARBAGE, "it does not say how many it sent")


class DjangoMessage(EmailMultiAlternatives):
    """A built mail as Django's backends want it.

    Those that speak SMTP or write files ask for ``message()``, and get the very bytes that were
    built. Those of providers read the parts, of which the provider makes the mail anew.
    """

    def __init__(self, mail: BuiltMail) -> None:
        """Take the built mail apart."""
        self._built = _parsed(mail)
        self._recipient = mail.recipient
        text = self._built.get_body(("plain",))
        html = self._built.get_body(("html",))
        super().__init__(
            subject=str(self._built["Subject"] or ""),
            body=text.get_content() if text else "",
            from_email=(_mailboxes(self._built, "From") or [mail.sender])[0],
            to=_mailboxes(self._built, "To") or [mail.recipient],
            reply_to=_mailboxes(self._built, "Reply-To"),
            headers={
                name: str(value)
                for name, value in self._built.items()
                if name.lower() not in _STRUCTURE
            },
        )
        if html is not None:
            self.attach_alternative(html.get_content(), "text/html")
        self.attachments = [
            part
            for part in self._built.walk()
            if not part.is_multipart() and part not in (text, html)
        ]

    def recipients(self) -> list[str]:
        """Return the envelope's only recipient."""
        return [self._recipient]

    def message(self, *, policy: Policy | None = None) -> "_Built":
        """Return the built mail, which has its form."""
        return self._built


class _Built(EmailMessage):
    """A parsed mail that is written as the bytes it was parsed from."""

    built = b""  # of the mail, not of its parts; lines end in CRLF

    def as_bytes(
        self, unixfrom: bool = False, policy: Policy | None = None, *, linesep: str = "\n"
    ) -> bytes:
        """Return the bytes; ``linesep`` is what Django's SMTP backend asks for."""
        if not self.built:
            return super().as_bytes(unixfrom, policy)
        return self.built if linesep == "\r\n" else self.built.replace(b"\r\n", linesep.encode())


def _parsed(mail: BuiltMail) -> _Built:
    parsed = email.message_from_bytes(mail.message, _class=_Built, policy=email.policy.default)
    assert isinstance(parsed, _Built)
    parsed.built = mail.message
    return parsed


def _mailboxes(message: MIMEPart, name: str) -> list[str]:
    """Return the mailboxes of a header, names decoded and quoted where they have to be."""
    # Any: the policy's address headers have `addresses`, which the types do not know
    header = cast("Any", message[name])
    return [str(address) for address in header.addresses] if header else []


def _taken(mail: BuiltMail, message: DjangoMessage) -> Outcome:
    """Return the outcome of a mail that was taken, with what its provider says of it."""
    status = getattr(message, "anymail_status", None)
    if status is None:
        return Outcome(mail, Stage.DOT, Reply(250, "", ""))
    words = " ".join(sorted(str(word) for word in status.status or ()))
    name = "" if status.message_id is None else str(status.message_id)
    return Outcome(mail, Stage.DOT, Reply(250, "", words), provider_id=name[:PROVIDER_ID_MAX])
