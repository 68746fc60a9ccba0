"""Fills an installation of its own with one campaign; run as `python -m tests.system.seed`.

Prints one line of JSON: ids of the mailing outs and accounts.
"""

import argparse
import json
import os
import sys

import django

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
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType

    from crm.models import Company, Contact
    from massmail.models import EmailAccount, EmlMessage, MailingOut, MassContact

    owner = User.objects.create(username="owner", email="owner@example.com", is_staff=True)
    company = Company.objects.create(owner=owner, full_name="Company", email="info@example.com")
    Contact.objects.bulk_create(
        Contact(
            owner=owner,
            company=company,
            first_name=f"Zoë {number}",
            last_name="O'Neil",
            email=f"person{number}@example.net",
        )
        for number in range(options.people)
    )
    accounts = [
        EmailAccount.objects.create(
            owner=owner,
            name=f"account {port}",
            kind=EmailAccount.Kind.RELAY,
            email_host="127.0.0.1",
            email_port=port,
            email_use_ssl=False,
            email_host_user="user" if options.password else "",
            email_host_password=options.password,
            from_email=f"Sales <sales{number}@example.org>",
            main=bool(options.vips) and number == 0,
        )
        for number, port in enumerate(options.ports)
    ]
    contact_type = ContentType.objects.get_for_model(Contact)
    MassContact.objects.bulk_create(
        MassContact(content_type=contact_type, object_id=contact.pk, email_account=accounts[0])
        for contact in Contact.objects.order_by("pk")[: options.vips]
    )
    started = []
    for name, size in (("large", options.people), ("small", options.small)):
        if size:
            message = EmlMessage.objects.create(
                owner=owner, subject="News for {{ first_name }}", content="<p>{{ full_name }}</p>"
            )
            mailing_out = MailingOut.objects.create_for(
                Contact.objects.order_by("pk")[:size], owner=owner, message=message, name=name
            )
            mailing_out.start()
            started.append(mailing_out.pk)
    return {"mailing_outs": started, "accounts": [account.pk for account in accounts]}


if __name__ == "__main__":
    main()
