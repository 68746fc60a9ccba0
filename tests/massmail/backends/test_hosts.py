import socket

import pytest

from massmail.backends.base import Fault, TransportError
from massmail.backends.hosts import is_public, resolve_host


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_address(address):
    assert is_public(address)


FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:100.64.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_forbidden_address(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "127。0。0。1",
        "１２７.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "localhost",
        "3232235777",
        "0xa9fea9fe",
    ],
)
def test_host_forms_of_private_addresses_are_forbidden(host):
    with pytest.raises(TransportError) as caught:
        resolve_host(host, 587, allow_private_hosts=False)
    assert caught.value.fault is Fault.FORBIDDEN_HOST


def found(*addresses):
    return [
        (
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM,
            6,
            "",
            (address, 25),
        )
        for address in addresses
    ]


def resolve_to(*addresses, **options):
    return [
        address.socket_address[0]
        for address in resolve_host(
            "mail.example.com", 25, resolve=lambda *_: found(*addresses), **options
        )
    ]


def test_addresses_alternate_between_families():
    addresses = ["2606::1", "2606::2", "2606::3", "8.8.8.8", "9.9.9.9"]
    assert resolve_to(*addresses, allow_private_hosts=False) == [
        "2606::1",
        "8.8.8.8",
        "2606::2",
        "9.9.9.9",
        "2606::3",
    ]


def test_private_addresses_among_public_ones_are_left_out():
    assert resolve_to("10.0.0.1", "8.8.8.8", allow_private_hosts=False) == ["8.8.8.8"]


def test_private_addresses_are_allowed_where_the_operator_says_so():
    assert resolve_to("10.0.0.1", allow_private_hosts=True) == ["10.0.0.1"]


def test_at_most_six_addresses_are_tried():
    addresses = [f"8.8.8.{i}" for i in range(1, 20)]
    assert len(resolve_to(*addresses, allow_private_hosts=False)) == 6


@pytest.mark.parametrize("port", [1, 22, 80, 3306, 6379, 8025])
def test_other_ports_are_forbidden(port):
    with pytest.raises(TransportError) as caught:
        resolve_host("8.8.8.8", port, allow_private_hosts=False)
    assert caught.value.fault is Fault.FORBIDDEN_HOST


@pytest.mark.parametrize("port", [25, 465, 587, 2525])
def test_ports_of_mail_are_allowed(port):
    (address,) = resolve_host("8.8.8.8", port, allow_private_hosts=False)
    assert address.socket_address == ("8.8.8.8", port)


def fail(*_):
    raise socket.gaierror(socket.EAI_AGAIN, "SERVFAIL")


def test_dns_failure():
    with pytest.raises(TransportError) as caught:
        resolve_host("mail.example.com", 25, allow_private_hosts=False, resolve=fail)
    assert caught.value.fault is Fault.DNS


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("", 25),
        ("a" * 300, 25),
        ("a\0b", 25),
        ("a..b", 25),
        ("127.0.0.1", 0),
        ("127.0.0.1", 70_000),
    ],
)
def test_impossible_host_or_port(host, port):
    with pytest.raises(TransportError) as caught:
        resolve_host(host, port, allow_private_hosts=True)
    assert caught.value.fault is Fault.DNS


def test_name_without_address():
    with pytest.raises(TransportError) as caught:
        resolve_host("x.example", 25, allow_private_hosts=True, resolve=lambda *_: [])
    assert caught.value.fault is Fault.DNS
