"""Where the work at hand comes from: noted by the request, read by what keeps a record of it."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from flask import g, has_app_context

LONGEST_ADDRESS = 45  # an IPv6 address with an IPv4 one at its end

# "203.0.113.7:4711" and "[2001:db8::1]:4711", as some proxies write them.
_WITH_PORT = re.compile(
    r"\[(?P<v6>[^\]]{0,80})\](?::\d{0,5})?|(?P<v4>\d{1,3}(?:\.\d{1,3}){3}):\d{0,5}"
)
# RFC 6052: IPv6-only networks reach a server of IPv4 through it, and the other way round.
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Origin:
    """The network address and browser of whoever asks, and the id of the request."""

    address: str = ""
    device: str = ""
    request_id: str = ""


def note(*, address: str, device: str) -> None:
    """Remember where the present request comes from."""
    g.address, g.device = address[:LONGEST_ADDRESS], device[:255]


def current() -> Origin:
    """Return where the present request comes from; a command or the worker has an empty one.

    A job has the id of the request that caused it.
    """
    if not has_app_context():
        return Origin()
    return Origin(g.get("address", ""), g.get("device", ""), g.get("request_id", ""))


def plain_address(text: str) -> str:
    """Return the one spelling of an IP address, without port, brackets and zone.

    IPv4 inside IPv6 (mapped, NAT64) is written as IPv4. Text that is no address is cut to the
    length of one.
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
    """Return the network that stands for one visitor: an IPv4 address, or an IPv6 prefix.

    A single customer of IPv6 has at least a /64, so addresses within one are not counted apart.
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
    """Return the network of the present request, as limits count it."""
    return network(current().address)


def visitor_site() -> str:
    """Return the larger network of the present request: of IPv6 the /48 that a site has."""
    return network(current().address, v6_prefix=48)
