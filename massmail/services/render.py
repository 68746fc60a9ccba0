"""From a row of the ledger to a mail: who it is for, who it is from, which link lets them leave.

Message building itself is `massmail.utils.email_creators`; here is what it is given.
"""

import functools
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.urls import get_script_prefix, reverse

from massmail.content import headers
from massmail.models import EmailAccount, EmlMessage, MailingOut, Recipient
from massmail.services.eligibility import Verdict, mass_contact_of
from massmail.utils.email_creators import Person, Sender

TEST_SALT = "massmail.unsubscribe-test"  # of links in previews and test mails


def person_of(mailing_out: MailingOut, row: Verdict) -> Person:
    """Return what the mail of a claimed row needs to know about its recipient."""
    recipient = row.recipient
    assert recipient is not None, "a row without a recipient is skipped when it is claimed"
    public = row.mass_contact_uuid or mass_contact_of(mailing_out, recipient.pk).uuid
    return Person(
        address=row.address,
        name=recipient.display_name,
        variables=recipient.variables(),
        unsubscribe_url=unsubscribe_url(public),
        message_id=row.message_id,
    )


def sample_person(recipient: Recipient) -> Person:
    """Return a recipient for a preview or a test mail: its unsubscribe link changes nothing."""
    return Person(
        address=recipient.address or "nobody@example.com",
        name=recipient.display_name,
        variables=recipient.variables(),
        unsubscribe_url=test_unsubscribe_url(),
        message_id=f"<{uuid.uuid4()}@{site_domain()}>",
    )


def sender_of(account: EmailAccount, owned: MailingOut | EmlMessage) -> Sender:
    """Return the sender of a mailing out's mails, or of a message's tests, from this account."""
    return Sender(
        from_email=account.from_email,
        reply_to=account.reply_to,
        list_id=list_id(owned),
        name=sender_name(account, lambda: owned.owner),
    )


def sender_name(account: EmailAccount | None, owner: Callable[[], User]) -> str:
    """Return who signs: the name in the account's From, else the full name of the owner.

    The owner is asked for only where the account has no name: that may cost a statement.
    """
    name = headers.display_name(account.from_email) if account else ""
    return name or owner().get_full_name()


def list_id(owned: MailingOut | EmlMessage) -> str:
    """Return the stable name of the list: the department's, or the owner's (RFC 2919)."""
    if owned.department_id is not None:
        return f"department-{owned.department_id}.massmail.{site_domain()}"
    return f"owner-{owned.owner_id}.massmail.{site_domain()}"


def unsubscribe_url(public: uuid.UUID) -> str:
    """Return the absolute link by which the owner of this mass contact leaves."""
    before, after = _unsubscribe_frame(settings.SITE_URL, get_script_prefix())
    return f"{before}{public}{after}"


@functools.lru_cache(maxsize=4)
def _unsubscribe_frame(site_url: str, _script_prefix: str) -> tuple[str, str]:
    """Return what stands before and after the uuid: resolving the link costs more than a mail."""
    nobody = uuid.UUID(int=0)
    path = reverse("unsubscribe", args=[nobody])
    before, _uuid, after = path.partition(str(nobody))
    return site_url.rstrip("/") + before, after


def test_unsubscribe_url() -> str:
    """Return a link that looks like the real one and changes nothing."""
    signed = signing.dumps("test", salt=TEST_SALT)
    return settings.SITE_URL.rstrip("/") + reverse("unsubscribe_test", args=[signed])


def site_domain() -> str:
    """Return the host of the site's URL."""
    return urlsplit(settings.SITE_URL).hostname or "localhost"
