"""Email accounts that send to the local mailbox."""

from typing import Any

from django.contrib.auth.models import User

from common.models import Department
from massmail.models import EmailAccount

HOST = "127.0.0.1"


def add_account(
    owner: User, department: Department | None, *, from_email: str, port: int, **fields: Any
) -> EmailAccount:
    """Add a relay without TLS, login, limit or gap; Any: other columns of the account."""
    return EmailAccount.objects.create(
        owner=owner,
        department=department,
        name=from_email.partition(" <")[0],
        from_email=from_email,
        kind=EmailAccount.Kind.RELAY,
        email_host=HOST,
        email_port=port,
        email_use_ssl=False,
        daily_limit=0,
        **fields,
    )
