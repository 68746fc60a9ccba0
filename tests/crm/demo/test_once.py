import json
from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from crm.demo import once
from crm.models import Contact
from crm.services import installation
from massmail.models import EmailAccount, MailingOut

COMPLETE = once.Result(
    recipients=3,
    sent=3,
    failed=0,
    skipped=0,
    uncertain=0,
    pending=0,
    seconds=1.5,
    messages_per_second=2.0,
    mailbox=3,
)


def test_result_is_one_line_of_json():
    assert "\n" not in COMPLETE.as_json()
    assert list(json.loads(COMPLETE.as_json())) == [
        "recipients",
        "sent",
        "failed",
        "skipped",
        "uncertain",
        "pending",
        "seconds",
        "messages_per_second",
        "mailbox",
    ]


@pytest.mark.parametrize(
    ("result", "is_complete"),
    [
        (COMPLETE, True),
        (replace(COMPLETE, mailbox=4), False),
        (replace(COMPLETE, mailbox=2), False),
        (replace(COMPLETE, sent=2, failed=1, mailbox=2), False),
        (replace(COMPLETE, sent=2, skipped=1, recipients=3, mailbox=2), False),
    ],
)
def test_everybody_has_to_have_one_mail(result, is_complete):
    assert result.is_complete is is_complete


@pytest.mark.django_db
def test_campaign_is_of_its_own():
    installation.install()

    first = once._create(5, "demo-1", port=4025)
    second = once._create(5, "demo-2", port=4026)

    assert {first.owner.username, second.owner.username} == {"demo-1", "demo-2"}
    assert User.objects.count() == 2
    assert not first.owner.has_usable_password()
    assert [first.pending_count, second.pending_count] == [5, 5]
    assert Contact.objects.filter(owner=second.owner).count() == 5
    ports = EmailAccount.objects.filter(owner=second.owner).values_list("email_port", flat=True)
    assert set(ports) == {4026}


@pytest.mark.django_db
def test_result_counts_what_is_in_the_database():
    installation.install()
    mailing_out = once._create(4, "demo-1", port=4025)
    mailing_out.start()
    MailingOut.objects.filter(pk=mailing_out.pk).update(
        pending_count=1, in_flight_count=1, sent_count=2
    )

    result = once._result(4, mailing_out, 2)

    assert (result.sent, result.pending, result.mailbox) == (2, 2, 2)
    assert result.seconds >= 0
