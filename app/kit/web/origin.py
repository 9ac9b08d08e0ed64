"""Store the IP address, browser and id of the current request for logs, limits and events."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from flask import g, has_app_context

LONGEST_ADDRESS = 45  # an IPv6 address that ends with an IPv4 address

# Some proxies add a port: "203.0.113.7:4711" and "[2001:db8::1]:4711".
_WITH_PORT = re.compile(
    r"\[(?P<v6>[^\]]{0,80})\](?::\d{0,5})?|(?P<v4>\d{1,3}(?:\.\d{1,3}){3}):\d{0,5}"
)
# RFC 6052: IPv6-only networks reach IPv4 servers through this prefix, and the other way round.
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Origin:
    """The IP address and browser of the visitor, and the id of the request."""

    address: str = ""
    device: str = ""
    request_id: str = ""


def note(*, address: str, device: str) -> None:
    """Store the IP address and browser of the current request."""
    g.address, g.device = address[:LONGEST_ADDRESS], device[:255]


def current() -> Origin:
    """Return the origin of the current request. It is empty in commands and in the worker.

    A job has the id of the request that caused it.
    """
    if not has_app_context():
        return Origin()
    return Origin(g.get("address", ""), g.get("device", ""), g.get("request_id", ""))


_background_checks: list[Callable[[], bool]] = []


def background_check(check: Callable[[], bool]) -> Callable[[], bool]:
    """Register a function that tells whether a background job is running."""
    _background_checks.append(check)
    return check


def is_background() -> bool:
    """Tell whether this is a background job, and not a request or a command."""
    return any(check() for check in _background_checks)


@lru_cache(maxsize=1024)  # It is part of every request: see record 17.
def plain_address(text: str) -> str:
    """Normalise an IP address, without port, brackets and zone.

    IPv4 inside IPv6 (mapped, NAT64) is returned as IPv4. Any other text is cut to the length of an
    IP address.
    """
    text = text.strip()[: 2 * LONGEST_ADDRESS]
    if found := _WITH_PORT.fullmatch(text):
        text = found["v6"] if found["v6"] is not None else found["v4"]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return text[:LONGEST_ADDRESS]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        if address in _NAT64:
            return str(IPv4Address(int(address) & 0xFFFFFFFF))
    return str(address)


def network(address: str, *, v6_prefix: int = 64) -> str:
    """Return the network of one visitor: an IPv4 address, or an IPv6 prefix.

    An IPv6 customer has at least a /64, so all addresses within a /64 count as one visitor.
    """
    plain = plain_address(address)
    try:
        parsed = ip_address(plain)
    except ValueError:
        return plain
    if isinstance(parsed, IPv4Address):
        return plain
    return str(ip_network((int(parsed), v6_prefix), strict=False))


def visitor_network() -> str:
    """Return the network of the current request, for limits per visitor."""
    return network(current().address)


def visitor_site() -> str:
    """Return the larger network of the current request: for IPv6, the /48 of a site."""
    return network(current().address, v6_prefix=48)
