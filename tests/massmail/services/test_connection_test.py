"""Trying a connection against a real server that fails at each step."""

import socket

import pytest

from common.fields import Sealed
from massmail.backends.base import Fault, Stage, Step, TransportError
from massmail.backends.smtp import SmtpTransport
from massmail.backends.smtp_conversation import Timeouts
from massmail.models import EmailAccount
from massmail.services.connection_test import LIMIT_S, State, check_connection
from tests.factories import EmailAccountFactory
from tests.massmail.oauth2 import VALUES
from tests.smtp_certificates import client_context
from tests.smtp_server import CLOSE, HANG, SmtpServer

TIMEOUTS = Timeouts(connect_s=5, quit_s=0.1, slice_s=0.02)
DONE, FAILED, UNNEEDED, NOT_REACHED = State


def account_on(server: SmtpServer, **values) -> EmailAccount:
    values = {
        "email_host": "127.0.0.1",
        "email_port": server.port,
        "email_use_ssl": server.tls == "implicit",
        "email_use_tls": server.tls == "starttls",
        **values,
    }
    return EmailAccount(**values)


def report(account: EmailAccount, *, private: bool = True, resolve=socket.getaddrinfo, **values):
    def make(tried: EmailAccount) -> SmtpTransport:
        return SmtpTransport(
            tried,
            allow_private_hosts=private,
            timeouts=TIMEOUTS,
            ssl_context=client_context(),
            resolve=resolve,
        )

    return check_connection(account, make=make, **values)


def states(account: EmailAccount, **values) -> list[State]:
    return [each.state for each in report(account, **values).steps]


def failure(account: EmailAccount, **values):
    (found,) = [each for each in report(account, **values).steps if each.state is FAILED]
    return found


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_every_step_is_done_and_timed(tls):
    with SmtpServer(tls=tls, users={"u": "right"}) as server:
        account = account_on(server, email_host_user="u", email_app_password="right")

        found = report(account)

    assert found.is_good
    assert [each.state for each in found.steps] == [DONE] * 4
    assert all(each.took_ms is not None and each.took_ms >= 0 for each in found.steps)
    assert "QUIT" in server.commands
    assert server.mails == []


def test_without_tls_and_login_both_are_explained():
    with SmtpServer() as server:
        found = report(account_on(server))

    assert found.is_good
    assert [each.state for each in found.steps] == [DONE, DONE, UNNEEDED, DONE]
    assert found.steps[2].text == "Mails travel where others on the way can read them."
    assert found.steps[3].text.startswith("No login or no password is set")


def test_name_without_address():
    def unknown(*_arguments: object) -> list[object]:
        raise socket.gaierror

    with SmtpServer() as server:
        account = account_on(server, email_host="mial.example.org")
        found = report(account, resolve=unknown)

    assert not found.is_good
    assert [each.state for each in found.steps] == [FAILED, NOT_REACHED, UNNEEDED, NOT_REACHED]
    assert found.steps[0].text == "This name has no address. Check how the host is spelt."


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "localhost"])
def test_forbidden_host_is_named_and_never_connected_to(host):
    with SmtpServer() as server:
        account = account_on(server, email_host=host.strip("[]"), email_port=587)

        found = failure(account, private=False)

    assert (found.label, server.connections) == ("Find the server by its name", 0)
    assert found.text.startswith("This host or port may not be used here")


def test_forbidden_port_is_named():
    with SmtpServer() as server:
        found = failure(account_on(server), private=False)

    assert found.text.startswith("This host or port may not be used here")


def test_connection_refused():
    with SmtpServer() as server:
        account = account_on(server)

    assert states(account) == [DONE, FAILED, UNNEEDED, NOT_REACHED]
    assert failure(account).text.startswith("Nothing listens at this port.")


def test_server_that_is_no_mail_server():
    with SmtpServer() as server:
        server.on("connect", b"HTTP/1.1 400 Bad Request\r\n\r\n", CLOSE)

        assert failure(account_on(server)).text.startswith("What answers there is no mail server.")


@pytest.mark.parametrize(
    ("certificate", "says"), [("wrong name", "TLS failed"), ("expired", "TLS failed")]
)
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_certificate_that_is_not_valid(tls, certificate, says):
    with SmtpServer(tls=tls, certificate=certificate) as server:
        account = account_on(server)

        assert states(account) == [DONE, DONE, FAILED, NOT_REACHED]
        assert failure(account).text.startswith(says)


def test_tls_from_the_start_at_a_port_without():
    with SmtpServer() as server:
        account = account_on(server, email_use_ssl=True)

        assert states(account) == [DONE, DONE, FAILED, NOT_REACHED]
        assert "587 and 25 have STARTTLS" in failure(account).text


def test_no_starttls_on_offer():
    with SmtpServer() as server:
        account = account_on(server, email_use_tls=True)

        assert states(account) == [DONE, DONE, FAILED, NOT_REACHED]
        assert failure(account).text.startswith("The server does not offer STARTTLS here.")


def test_login_refused_shows_the_servers_words_and_no_secret():
    with SmtpServer(tls="starttls", users={"u": "right"}) as server:
        server.on("auth", "535 5.7.8 Use an application password")
        account = account_on(server, email_host_user="u", email_host_password="s3cret-w0rd")

        found = report(account)

    assert [each.state for each in found.steps] == [DONE, DONE, DONE, FAILED]
    login = found.steps[3]
    assert login.text == "The server refused the login or the password. Enter them again."
    assert login.reply == "535 5.7.8 Use an application password"
    assert "s3cret-w0rd" not in repr(found)


class Plain:
    is_open = True

    """A transport that opens in one step, and sends nothing."""

    def open(self) -> None:
        pass

    def send(self, mails, watch):
        raise AssertionError

    def close(self) -> None:
        pass


def test_password_that_may_not_leave_is_explained():
    class Stepwise(Plain):
        def open_watched(self, _watch, done) -> None:
            done(Step.NAME)
            done(Step.CONNECT)
            raise TransportError(Stage.AUTH, None, Fault.TLS, "no password without TLS")

    found = check_connection(EmailAccount(email_use_ssl=False), make=lambda _: Stepwise())

    assert [each.state for each in found.steps] == [DONE, DONE, UNNEEDED, FAILED]
    assert found.steps[3].text.startswith("A password never leaves without TLS.")


@pytest.mark.parametrize("shows", [True, False])
def test_greeting_is_for_superusers(shows):
    with SmtpServer() as server:
        server.on("connect", "554 5.7.1 host db-7.internal refuses you")

        found = failure(account_on(server), shows_greetings=shows)

    assert found.text == "The server did not welcome us."
    assert found.reply == ("554 5.7.1 host db-7.internal refuses you" if shows else "")


@pytest.mark.parametrize("stage", ["connect", "ehlo", "starttls", "auth"])
def test_server_that_hangs_is_given_up(stage):
    with SmtpServer(tls="starttls", users={"u": "right"}) as server:
        server.on(stage, HANG)
        account = account_on(server, email_host_user="u", email_host_password="right")

        found = failure(account, limit_s=0.2)

    assert found.step == {"starttls": "tls", "auth": "login"}.get(stage, "connect")
    assert found.text


def test_whole_test_takes_less_than_twenty_seconds():
    assert LIMIT_S + 5 + Timeouts().quit_s < 20  # its own limit, the last wait, the good-bye


def test_secret_that_cannot_be_read():
    with SmtpServer(users={"u": "right"}) as server:
        account = account_on(server, email_host_user="u", email_app_password=Sealed("f1:lost"))

        found = failure(account)

    assert found.text.startswith("The password cannot be read")


def test_transport_of_another_app_is_one_step():
    found = check_connection(EmailAccount(), make=lambda _account: Plain())

    assert found.is_good
    assert [each.label for each in found.steps] == ["Log in"]


def test_unknown_transport_and_a_broken_one_are_no_error():
    def broken(_account: EmailAccount):
        raise RuntimeError

    unknown = check_connection(EmailAccount(transport="pigeon"))
    crashed = check_connection(EmailAccount(pk=1), make=broken)

    assert (unknown.is_good, crashed.is_good) == (False, False)


@pytest.mark.django_db
def test_permission_that_ended_is_told_at_the_login(identity_provider, token_server):
    account = EmailAccountFactory.create(
        **VALUES, email_port=token_server.port, refresh_token="withdrawn"
    )

    *before, login = check_connection(account).steps

    assert [each.state for each in before] == [State.DONE] * 3
    assert (login.state, login.text) == (
        State.FAILED,
        "The permission to send with this account has ended. Connect it again.",
    )
