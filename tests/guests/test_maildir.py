"""A transport that the product does not know fulfils the contract, and carries a campaign."""

import mailbox

import pytest

from massmail.models import EmailAccount, MailingOut
from massmail.testing.transport_contract import TransportContract
from tests.factories import EmailAccountFactory, EmlMessageFactory, UserFactory
from tests.guests.maildir import MaildirTransport
from tests.guests.models import Guest
from tests.massmail.campaigns import run


def recipients_in(folder) -> list[str]:
    mails = mailbox.Maildir(folder / "mails")
    return [mails[key]["Message-ID"].strip("<>") for key in sorted(mails.keys())]


class TestMaildirAsTransport(TransportContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def transport(self):
        return MaildirTransport(self.folder)

    def broken_transport(self):
        return MaildirTransport(self.folder / "missing")

    def accepted(self):
        return sorted(recipients_in(self.folder))

    def refuse(self, recipient):
        (self.folder / "refused").write_text(recipient)


@pytest.mark.django_db
def test_a_campaign_to_a_foreign_type_leaves_through_a_foreign_transport(tmp_path, settings):
    settings.MASSMAIL_TRANSPORTS = settings.MASSMAIL_TRANSPORTS | {
        "maildir": "tests.guests.maildir.MaildirTransport"
    }
    owner = UserFactory.create()
    EmailAccountFactory.create(owner=owner, transport="maildir", email_host=str(tmp_path))
    for number in range(3):
        Guest.objects.create(
            owner=owner, guest_name="Zoë", room=str(number), email=f"guest{number}@example.com"
        )
    message = EmlMessageFactory.create(
        owner=owner, subject="Room {{ room }}", content="<p>Dear {{ guest_name }}</p>"
    )
    mailing_out = MailingOut.objects.create_for(
        Guest.objects.all(), owner=owner, message=message, name="To guests"
    )
    mailing_out.start()

    run()
    run()

    mailing_out.refresh_from_db()
    assert (mailing_out.sent_count, mailing_out.status) == (3, MailingOut.Status.DONE)
    subjects = {mail["Subject"] for mail in mailbox.Maildir(tmp_path / "mails")}
    assert subjects == {"Room 0", "Room 1", "Room 2"}
    assert EmailAccount.objects.get().today_count == 3
