"""Which mail servers may be reached: a host is resolved once, and each address judged.

An account's host is typed by a person, so it must not open a way into the own network. The
caller connects to exactly the addresses returned here, never to the name.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from massmail.backends.base import Fault, Stage, TransportError

ALLOWED_PORTS = frozenset({25, 465, 587, 2525})
MAX_ADDRESSES = 6

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# What getaddrinfo returns: its socket address has two fields for IPv4 and four for IPv6.
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
Resolver = Callable[..., Iterable[AddressInfo]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are IPv4
_FORBIDDEN_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT, and a metadata service inside it
        "168.63.129.16/32",  # a cloud's host agent, though the address is public
        "192.0.0.0/24",  # protocol assignments, and a metadata service inside it
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "64:ff9b:1::/48",  # local NAT64
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
    )
)


@dataclass(frozen=True, slots=True)
class Address:
    """One address to connect to; ``public`` tells whether anybody may reach it."""

    family: int
    socket_address: tuple[Any, ...]
    public: bool


def is_public(address: str) -> bool:
    """Tell whether an IP address is an ordinary public unicast address.

    IPv4 inside IPv6 (mapped, NAT64) is judged by the IPv4 address; a zone id is ignored.
    """
    ip: IpAddress = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return False
    return not any(ip in network for network in _FORBIDDEN_NETWORKS)


def resolve_host(
    host: str,
    port: int,
    *,
    allow_private_hosts: bool,
    resolve: Resolver = socket.getaddrinfo,
) -> list[Address]:
    """Return the addresses of a mail server, IPv6 and IPv4 in turn, at most six; asks the DNS.

    Raises TransportError at CONNECT: DNS if the name has no address, FORBIDDEN_HOST if the port
    is none of the usual ones for mail or no address is public, unless private hosts are allowed.
    """
    if port not in ALLOWED_PORTS and not allow_private_hosts:
        raise TransportError(Stage.CONNECT, None, Fault.FORBIDDEN_HOST, "port not allowed")
    if not host or not 0 < port < 65_536:
        raise TransportError(Stage.CONNECT, None, Fault.DNS, "no host or port")
    try:
        found = list(resolve(host, port, 0, socket.SOCK_STREAM))
    except (OSError, ValueError) as error:
        detail = f"name resolution failed: {type(error).__name__}"
        raise TransportError(Stage.CONNECT, None, Fault.DNS, detail) from error
    addresses = [
        Address(family, socket_address, is_public(str(socket_address[0])))
        for family, _, _, _, socket_address in found
        if family in {socket.AF_INET, socket.AF_INET6}
    ]
    if not addresses:
        raise TransportError(Stage.CONNECT, None, Fault.DNS, "the name has no address")
    allowed = [address for address in addresses if address.public or allow_private_hosts]
    if not allowed:
        raise TransportError(Stage.CONNECT, None, Fault.FORBIDDEN_HOST, "no public address")
    return _alternate(allowed)[:MAX_ADDRESSES]


def _alternate(addresses: list[Address]) -> list[Address]:
    """Return the addresses with the families in turn, beginning with that of the first."""
    first = [address for address in addresses if address.family == addresses[0].family]
    second = [address for address in addresses if address.family != addresses[0].family]
    paired = [address for pair in zip(first, second, strict=False) for address in pair]
    shorter = min(len(first), len(second))
    return paired + first[shorter:] + second[shorter:]
