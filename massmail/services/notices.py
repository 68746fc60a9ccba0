"""Notices to people who must act: an account in trouble, a mailing out that paused itself.

They go through the site's own mail settings. That these fail never stops the engine.
"""

import logging
import smtplib

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from common.utils.helpers import in_language_of, in_time_zone_of
from massmail.models import EmailAccount, MailingOut

logger = logging.getLogger(__name__)


def account_is_off(account: EmailAccount, *, reason: str) -> None:
    """Tell the owner and the admins that an account was switched off (network)."""
    url = _url("admin:massmail_emailaccount_change", account.pk)
    context = {"account": account, "reason": reason, "url": url}
    _send(account.owner.email, "massmail/notices/account_is_off.txt", context, owner=account.owner)


def account_rests(account: EmailAccount, *, reason: str) -> None:
    """Tell the owner and the admins of a trouble that an account may not get over by itself.

    Network.
    """
    url = _url("admin:massmail_emailaccount_change", account.pk)
    context = {"account": account, "reason": reason, "url": url}
    _send(account.owner.email, "massmail/notices/account_rests.txt", context, owner=account.owner)


def mailing_out_paused(mailing_out: MailingOut, *, reason: str) -> None:
    """Tell the owner and the admins that a mailing out was paused by the system (network)."""
    url = _url("admin:massmail_mailingout_change", mailing_out.pk)
    context = {"mailing_out": mailing_out, "reason": reason, "url": url}
    _send(
        mailing_out.owner.email,
        "massmail/notices/mailing_out_paused.txt",
        context,
        owner=mailing_out.owner,
    )


def _url(name: str, pk: int) -> str:
    return settings.SITE_URL.rstrip("/") + reverse(name, args=[pk])


def _send(owner_address: str, template: str, context: dict[str, object], *, owner: User) -> None:
    with in_language_of(owner), in_time_zone_of(owner):
        body = render_to_string(template, context)
    recipients = {owner_address, *(address for _name, address in settings.ADMINS)} - {""}
    message = EmailMessage(
        subject=" ".join(body.strip().splitlines()[0].split()),
        body=body,
        to=sorted(recipients),
        headers={"Auto-Submitted": "auto-generated"},  # RFC 3834 section 5
    )
    try:
        message.send()
    except (OSError, smtplib.SMTPException):
        logger.exception("a notice could not be sent; the page shows the same")
