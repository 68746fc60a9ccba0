"""Fills an installation of its own with one campaign; run as `python -m tests.system.seed`.

Run again, it starts another campaign of the same owner, with the people and accounts that are
there. Prints one line of JSON: ids of the mailing outs and accounts. Models are imported once
Django is set up.
"""

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from massmail.models import EmailAccount

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--small", type=int, default=0, help="people of a second mailing out")
    parser.add_argument("--vips", type=int, default=0)
    parser.add_argument("--ports", type=int, nargs="+", required=True, help="one account each")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    django.setup()
    sys.stdout.write(json.dumps(seed(options)) + "\n")


def seed(options: argparse.Namespace) -> dict[str, list[int]]:
    """Make an owner with people, accounts and started mailing outs; return the ids."""
    from django.contrib.auth.models import User

    owner, _ = User.objects.get_or_create(
        username="owner", defaults={"email": "owner@example.com", "is_staff": True}
    )
    make_people(owner, options.people)
    accounts = make_accounts(owner, options)
    make_vips(accounts[0], options.vips)
    sizes = {"large": options.people, "small": options.small}
    started = [start(owner, name, size) for name, size in sizes.items() if size]
    return {"mailing_outs": started, "accounts": [account.pk for account in accounts]}


def make_people(owner: "User", number: int) -> None:
    from crm.models import Company, Contact

    company, _ = Company.objects.get_or_create(
        owner=owner, full_name="Company", defaults={"email": "info@example.com"}
    )
    first = Contact.objects.count()
    Contact.objects.bulk_create(
        Contact(
            owner=owner,
            company=company,
            first_name=f"Zoë {place}",
            last_name="O'Neil",
            email=f"person{place}@example.net",
        )
        for place in range(first, number)
    )


def make_accounts(owner: "User", options: argparse.Namespace) -> "list[EmailAccount]":
    """One relay a port, each with a domain of its own; with VIPs the first is the main account."""
    from massmail.models import EmailAccount

    return [
        EmailAccount.objects.update_or_create(
            owner=owner,
            name=f"account {place}",
            defaults={
                "kind": EmailAccount.Kind.RELAY,
                "email_host": "127.0.0.1",
                "email_port": port,
                "email_use_ssl": False,
                "email_host_user": "user" if options.password else "",
                "email_host_password": options.password,
                "from_email": f"Sales <sales@account{place}.example.org>",
                "main": bool(options.vips) and place == 0,
            },
        )[0]
        for place, port in enumerate(options.ports)
    ]


def make_vips(account: "EmailAccount", number: int) -> None:
    from django.contrib.contenttypes.models import ContentType

    from crm.models import Contact
    from massmail.models import MassContact

    contact_type = ContentType.objects.get_for_model(Contact)
    MassContact.objects.bulk_create(
        MassContact(content_type=contact_type, object_id=contact.pk, email_account=account)
        for contact in Contact.objects.order_by("pk")[:number]
    )


def start(owner: "User", name: str, size: int) -> int:
    """Start a mailing out to the first people, with a message of its own."""
    from crm.models import Contact
    from massmail.models import EmlMessage, MailingOut

    message = EmlMessage.objects.create(
        owner=owner, subject="News for {{ first_name }}", content="<p>{{ full_name }}</p>"
    )
    mailing_out = MailingOut.objects.create_for(
        Contact.objects.order_by("pk")[:size], owner=owner, message=message, name=name
    )
    mailing_out.start()
    return mailing_out.pk


if __name__ == "__main__":
    main()
