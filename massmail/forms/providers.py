"""How well-known providers are reached, to suggest it for an address that is typed. Data only."""

from dataclasses import asdict, dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_APP_PASSWORD = _("It wants an app password, made in the settings of your account there.")
_SIGN_IN = _("It takes no passwords from programs: sign in with Microsoft instead.")
_ALLOW_FIRST = _("Allow “POP3 and IMAP” in the settings of your mailbox there first.")


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: the domains of its addresses, and its server for sending."""

    name: str
    domains: tuple[str, ...]
    host: str
    port: int = 465
    starttls: bool = False  # else TLS from the start
    advice: str | Promise = ""


PROVIDERS = (
    Provider("Gmail", ("gmail.com", "googlemail.com"), "smtp.gmail.com", advice=_APP_PASSWORD),
    Provider(
        "Outlook.com",
        ("outlook.com", "outlook.de", "hotmail.com", "hotmail.de", "live.com", "msn.com"),
        "smtp-mail.outlook.com",
        587,
        starttls=True,
        advice=_SIGN_IN,
    ),
    Provider(
        "Microsoft 365",
        ("onmicrosoft.com",),
        "smtp.office365.com",
        587,
        starttls=True,
        advice=_SIGN_IN,
    ),
    Provider(
        "Yahoo",
        ("yahoo.com", "yahoo.de", "yahoo.fr", "yahoo.co.uk", "ymail.com", "rocketmail.com"),
        "smtp.mail.yahoo.com",
        advice=_APP_PASSWORD,
    ),
    Provider("AOL", ("aol.com", "aol.de", "aim.com"), "smtp.aol.com", advice=_APP_PASSWORD),
    Provider(
        "iCloud",
        ("icloud.com", "me.com", "mac.com"),
        "smtp.mail.me.com",
        587,
        starttls=True,
        advice=_APP_PASSWORD,
    ),
    Provider("GMX", ("gmx.de", "gmx.at", "gmx.ch"), "mail.gmx.net", advice=_ALLOW_FIRST),
    Provider("GMX", ("gmx.net", "gmx.com", "gmx.us"), "mail.gmx.com", advice=_ALLOW_FIRST),
    Provider("WEB.DE", ("web.de",), "smtp.web.de", 587, starttls=True, advice=_ALLOW_FIRST),
    Provider("T-Online", ("t-online.de", "magenta.de"), "securesmtp.t-online.de"),
    Provider(
        "Fastmail", ("fastmail.com", "fastmail.fm"), "smtp.fastmail.com", advice=_APP_PASSWORD
    ),
    Provider("Posteo", ("posteo.de", "posteo.net"), "posteo.de"),
    Provider("mailbox.org", ("mailbox.org",), "smtp.mailbox.org"),
    Provider("Zoho", ("zoho.com", "zohomail.com"), "smtp.zoho.com", advice=_APP_PASSWORD),
)


def suggestions() -> dict[str, dict[str, Any]]:
    """Return for each domain what to suggest, ready for JSON in the active language."""
    return {
        domain: {**asdict(provider), "advice": str(provider.advice)}
        for provider in PROVIDERS
        for domain in provider.domains
    }
