import signal
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command

from massmail.models import Delivery, MailingOut
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


def test_until_idle_sends_all_and_ends(server, capsys):
    mailing_out = campaign_on(server, people=12)
    call_command("sendmassmail", "--until-idle")
    assert capsys.readouterr().out == "Mails with an outcome: 12\n"
    assert len(server.mails) == 12
    mailing_out.refresh_from_db()
    assert mailing_out.status == MailingOut.Status.DONE


def test_a_named_mailing_out_is_sent(server, capsys):
    mailing_out = campaign_on(server, people=3)
    call_command("sendmassmail", "--until-idle", "--mailing-out", str(mailing_out.pk))
    assert capsys.readouterr().out == "Mails with an outcome: 3\n"
    assert Delivery.objects.filter(status=Delivery.Status.SENT).count() == 3


def test_nothing_to_send_is_no_error(capsys):
    call_command("sendmassmail", "--until-idle")
    assert capsys.readouterr().out == "Mails with an outcome: 0\n"


def test_an_unknown_mailing_out_is_named():
    with pytest.raises(CommandError, match=r"^There is no mailing out 7\.$"):
        call_command("sendmassmail", "--mailing-out", "7")


def test_the_signals_that_stop_it_are_handled(capsys):
    before = [signal.getsignal(number) for number in STOPS]
    call_command("sendmassmail")
    after = [signal.getsignal(number) for number in STOPS]
    assert [new is old for new, old in zip(after, before, strict=True)] == [False] * 3
