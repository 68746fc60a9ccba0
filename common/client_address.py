"""The network address that a request comes from, as far as it can be trusted."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX = 64  # bits: what one customer of a provider has, at least


def client_address(request: HttpRequest) -> str:
    """Return the client's address; of an IPv6 address the network, within which it may change.

    Behind the proxy that ends TLS it is what that proxy appended to X-Forwarded-For; what stands
    before it there may be the client's own invention.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        address = forwarded or address
    return _network_of(address)


def _network_of(address: str) -> str:
    try:
        return str(IPv4Address(address))
    except AddressValueError:
        pass
    try:
        host = IPv6Address(address)
    except AddressValueError:
        return ""
    if host.ipv4_mapped:
        return str(host.ipv4_mapped)
    return str(IPv6Network((host, IPV6_PREFIX), strict=False))
