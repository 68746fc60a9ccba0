import pytest

from massmail.backends import open_transport
from massmail.backends.base import Fault, TransportError
from massmail.backends.smtp import SmtpTransport
from tests.massmail.backends.conftest import Account


def test_open_transport_finds_the_class_by_its_name(server, settings):
    settings.MASSMAIL_TRANSPORTS = {"smtp": "massmail.backends.smtp.SmtpTransport"}
    settings.MASSMAIL_ALLOW_PRIVATE_HOSTS = True
    transport = open_transport(Account("127.0.0.1", server.port))
    transport.close()
    assert isinstance(transport, SmtpTransport)
    assert server.commands[-1] == "QUIT"


def test_open_transport_hands_on_what_the_installation_allows(server, settings):
    settings.MASSMAIL_ALLOW_PRIVATE_HOSTS = False
    with pytest.raises(TransportError) as caught:
        open_transport(Account("127.0.0.1", server.port))
    assert caught.value.fault is Fault.FORBIDDEN_HOST


def test_unknown_transport_is_trouble_of_the_account():
    with pytest.raises(TransportError) as caught:
        open_transport(Account(transport="pigeon"))
    assert caught.value.fault is Fault.CAPABILITY
