"""`manage.py demo`: everything in the foreground until Ctrl-C, with a first campaign."""

import contextlib
import os
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from common.supervisor import Part, Supervisor
from crm.demo import accounts, first_campaign, processes, showcase
from crm.demo.password import password_of
from crm.demo.processes import DemoError, Stopped, wait_for
from crm.services import installation
from massmail.models import MailingOut

MAILBOX_PORT = 2525
WEB_BIND = "127.0.0.1:8000"
WEB_START_S = 60.0
TEND_S = 1.0

Say = Callable[[str], None]


def run(*, say: Say) -> None:
    """Set up what is missing and run all parts; say how to log in, and what became of the mail.

    Returns when a signal asks to stop. Raises DemoError if it cannot run.
    """
    web_bind = _web_bind()
    host, _colon, port = web_bind.rpartition(":")
    if processes.is_listening(host, int(port)):
        raise DemoError(f"{web_bind} is taken: end what runs there, or set WEB_BIND and SITE_URL.")
    password, mailbox_port = _prepare()
    with (
        Supervisor(
            _parts(web_bind, mailbox_port), patience_s=processes.stop_patience_s()
        ) as supervisor,
        contextlib.suppress(Stopped),
    ):
        _wait_for_web(supervisor, host, int(port), say=say)
        say(_welcome(password))
        _watch(supervisor, say=say)


def _prepare() -> tuple[str, int]:
    """Add what the demo needs where it is missing; return the password and the mailbox's port."""
    installation.install()
    password, is_new = password_of(settings.VAR_DIR / "demo-password")
    stored = first_campaign.stored_mailbox_port()
    port = processes.free_port(accounts.HOST, stored or MAILBOX_PORT)
    if first_campaign.find() is None:
        with transaction.atomic():
            first = first_campaign.create(password=password, mailbox_port=port)
            first_campaign.show_more(first, password=password, mailbox_port=port)
    else:
        first_campaign.move_accounts(mailbox_port=port)
        if is_new:
            first_campaign.set_passwords(password)
    return password, port


def _parts(web_bind: str, mailbox_port: int) -> list[Part]:
    mails, logs = settings.VAR_DIR / "mailbox.sqlite3", settings.VAR_DIR / "log"
    environment = {"WEB_BIND": web_bind, "MASSMAIL_MAILBOX_FILE": str(mails)}
    return [
        processes.mailbox(mails, logs / "mailbox.log", port=mailbox_port),
        *(
            processes.house_part(name, logs / f"{name}.log", **environment)
            for name in ("beat", "web", "control", "deliveries")
        ),
    ]


def _wait_for_web(supervisor: Supervisor, host: str, port: int, *, say: Say) -> None:
    try:
        wait_for(
            lambda: processes.is_listening(host, port),
            supervisor,
            timeout_s=WEB_START_S,
            what="The start of the web server",
        )
    except Stopped:
        raise
    except DemoError:
        say(processes.end_of(settings.VAR_DIR / "log" / "web.log"))
        raise


def _watch(supervisor: Supervisor, *, say: Say) -> None:
    """Keep the parts running; say once when the first campaign is finished."""
    is_said = False
    while not supervisor.stop_asked:
        if not is_said and (mailing_out := _finished_campaign()):
            say(_finish(mailing_out))
            is_said = True
        supervisor.tend(TEND_S)


def _finished_campaign() -> MailingOut | None:
    mailing_out = first_campaign.find()
    is_done = mailing_out is not None and mailing_out.status == MailingOut.Status.DONE
    return mailing_out if is_done else None


def _welcome(password: str) -> str:
    others = ", ".join([first_campaign.COLLEAGUE, *showcase.ROLES])
    return "\n".join(
        [
            "",
            f"The demo runs at {_url('admin:index')}",
            f"  login     {first_campaign.SUPERUSER}   (a manager: {first_campaign.OWNER})",
            f"            others: {others}",
            f"  password  {password}",
            f"  mailbox   {_url('mailbox')}   (catches all mail; nothing leaves this machine)",
            f"  logs      {settings.VAR_DIR / 'log'}",
            "Ctrl-C ends everything.",
            "",
        ]
    )


def _finish(mailing_out: MailingOut) -> str:
    written_to = mailing_out.recipients_number - mailing_out.skipped_count
    url = _url("admin:massmail_mailingout_change", mailing_out.pk)
    return f"first campaign finished: {mailing_out.sent_count} of {written_to} sent: {url}"


def _web_bind() -> str:
    """Return where the web server listens: as SITE_URL says if that is on this machine."""
    site = urlsplit(settings.SITE_URL)
    is_local = site.scheme == "http" and site.hostname in {"127.0.0.1", "localhost"}
    own = f"{site.hostname}:{site.port or 80}" if is_local else WEB_BIND
    return os.environ.get("WEB_BIND") or own


def _url(name: str, *args: object) -> str:
    return f"{settings.SITE_URL}{reverse(name, args=args)}"
