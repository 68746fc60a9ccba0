"""What the exceptions of Django's email backends mean: smtplib's, the network's, django-anymail's.

A mail is in doubt unless the exception shows that it was refused, or never left.
"""

import smtplib
import socket
import ssl
import sys

from django.core.exceptions import ImproperlyConfigured

from massmail.backends.base import BuiltMail, Fault, Outcome, Reply, Stage, TransportError
from massmail.backends.smtp_protocol import reply_of

# A provider's HTTP status as the SMTP reply that means the same; those not here: see `_of_status`.
_STATUSES: dict[int, tuple[Stage, int, str]] = {
    401: (Stage.AUTH, 535, ""),
    402: (Stage.MAIL, 450, "4.7.0"),  # no credit left: like a quota, mended by the operator
    403: (Stage.AUTH, 535, ""),
    408: (Stage.MAIL, 421, ""),
    413: (Stage.DATA, 552, "5.3.4"),
    429: (Stage.MAIL, 450, "4.7.0"),
    503: (Stage.MAIL, 421, ""),
}
_NETWORK: tuple[tuple[type[OSError], Stage, Fault], ...] = (
    (ssl.SSLError, Stage.TLS, Fault.TLS),
    (socket.gaierror, Stage.CONNECT, Fault.DNS),
    (ConnectionRefusedError, Stage.CONNECT, Fault.REFUSED),
    (TimeoutError, Stage.CONNECT, Fault.TIMEOUT),
    (OSError, Stage.CONNECT, Fault.DISCONNECTED),
)


def trouble_of(error: Exception) -> TransportError:
    """Return what an exception means that came while a backend was made or opened."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return TransportError(Stage.AUTH, _reply(error))
    if isinstance(error, smtplib.SMTPResponseException):
        return TransportError(Stage.CONNECT, _reply(error))
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return TransportError(Stage.AUTH, None, Fault.CAPABILITY, "not offered by the server")
    for kind, stage, fault in _NETWORK:
        if isinstance(error, kind):
            return TransportError(stage, None, fault, type(error).__name__)
    # ImportError, ImproperlyConfigured, TypeError for an unknown option, or worse
    return TransportError(Stage.CONNECT, None, Fault.CONFIGURATION, type(error).__name__)


def outcome_of(error: Exception, mail: BuiltMail, message: object) -> Outcome | None:
    """Return what an exception means for the mail during which it came; None if it tells nothing.

    `message` is what the backend was given.
    """
    if isinstance(error, smtplib.SMTPException):
        return _of_smtp(error, mail)
    if _is_anymail(error):
        return _of_anymail(error, mail, message)
    if isinstance(error, (ConnectionRefusedError, socket.gaierror)):
        trouble = trouble_of(error)
        return Outcome(mail, trouble.stage, None, trouble.fault, trouble.detail)
    if isinstance(error, TimeoutError):
        return Outcome(mail, Stage.DOT, None, Fault.TIMEOUT, "TimeoutError")
    if isinstance(error, OSError):
        return Outcome(mail, Stage.DOT, None, Fault.DISCONNECTED, type(error).__name__)
    return None


def _of_smtp(error: smtplib.SMTPException, mail: BuiltMail) -> Outcome | None:
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(error.recipients.values()))
            return Outcome(mail, Stage.RCPT, reply_of(code, _text(text)))
        case smtplib.SMTPSenderRefused():
            return Outcome(mail, Stage.MAIL, _reply(error))
        case smtplib.SMTPDataError():
            return Outcome(mail, Stage.DOT, _reply(error))
        case smtplib.SMTPResponseException():
            return Outcome(mail, Stage.MAIL, _reply(error))
        case smtplib.SMTPServerDisconnected():
            return Outcome(mail, Stage.DOT, None, Fault.DISCONNECTED, "closed by the server")
    return None


def _is_anymail(error: Exception) -> bool:
    """Tell whether an exception is one of django-anymail, which need not be installed."""
    exceptions = sys.modules.get("anymail.exceptions")
    return exceptions is not None and isinstance(error, exceptions.AnymailError)


def _of_anymail(error: Exception, mail: BuiltMail, message: object) -> Outcome:
    # an optional package; an exception of it shows that it is there
    from anymail import exceptions

    if isinstance(error, exceptions.AnymailRecipientsRefused):
        status = getattr(message, "anymail_status", None)
        words = " ".join(sorted(status.status)) if status and status.status else "refused"
        return Outcome(mail, Stage.RCPT, Reply(550, "", words))
    if isinstance(error, ImproperlyConfigured):
        return Outcome(mail, Stage.MAIL, None, Fault.CONFIGURATION, type(error).__name__)
    if isinstance(error, (ValueError, TypeError)) and not isinstance(error, OSError):
        # the provider has no words for something in this mail; nothing was sent
        return Outcome(mail, Stage.DATA, reply_of(554, str(error.args[0] if error.args else "")))
    status_code = getattr(error, "status_code", None)
    if status_code is not None:
        return _of_status(status_code, _body(error), mail)
    if _never_left(error):
        return Outcome(mail, Stage.CONNECT, None, Fault.REFUSED, "no connection")
    return Outcome(mail, Stage.DOT, None, Fault.GARBAGE, type(error.__cause__ or error).__name__)


def _of_status(status: int, text: str, mail: BuiltMail) -> Outcome:
    """Return what an HTTP status means: a refusal of 4xx is definite, one of 5xx is not."""
    words = f"HTTP {status} {text}".strip()
    if status in _STATUSES:
        stage, code, enhanced = _STATUSES[status]
        return Outcome(mail, stage, reply_of(code, f"{enhanced} {words}".strip()))
    if 400 <= status <= 499:
        return Outcome(mail, Stage.DATA, reply_of(554, words))
    return Outcome(mail, Stage.DOT, None, Fault.GARBAGE, f"HTTP {status}")


def _never_left(error: Exception) -> bool:
    """Tell whether a request failed before anything of it was sent."""
    cause = error.__cause__
    if type(cause).__name__ in {"ConnectTimeout", "SSLError", "ProxyError"}:
        return True
    reason = getattr(cause.args[0], "reason", None) if cause and cause.args else None
    kinds = {kind.__name__ for kind in type(reason).__mro__}  # urllib3's, which need not be there
    return "NewConnectionError" in kinds or "ConnectTimeoutError" in kinds


def _body(error: Exception) -> str:
    text = getattr(getattr(error, "response", None), "text", "")
    return text if isinstance(text, str) else ""


def _reply(error: smtplib.SMTPResponseException) -> Reply:
    return reply_of(error.smtp_code, _text(error.smtp_error))


def _text(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
