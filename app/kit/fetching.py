"""Ask another server over HTTP, with a limit on the time and on the size of its answer."""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Thread
from urllib.parse import urlsplit, urlunsplit

from settings import product

MayReach = Callable[[str], bool]

# Python's lists differ by version, and lack these: protocol assignments, relays and tunnels (6to4,
# Teredo). An address of a tunnel may stand for a private one of IPv4.
SPECIAL = [
    ipaddress.ip_network(one)
    for one in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
]
UNICAST = ipaddress.ip_network("2000::/3")


class ServerAway(Exception):
    """A server gave no answer that can be read. The message holds nothing that it sent."""


class AddressRefused(ServerAway):
    """The host name leads to an address that may not be reached."""


@dataclass(frozen=True)
class Fetched:
    """The answer of a server."""

    status: int
    body: bytes


class _Request(Thread):
    """A request in a thread of its own: the timeout of a socket covers each packet alone."""

    def __init__(
        self, url: str, seconds: float, most: int, data: str | None, reaches: MayReach | None
    ) -> None:
        super().__init__(daemon=True)
        self.url, self.seconds, self.most, self.data = url, seconds, most, data
        self.reaches, self.is_cut = reaches, False
        self.headers = {"User-Agent": product.slug(product.name())}
        self.connection: HTTPConnection | None = None
        self.socket: socket.socket | None = None
        self.is_over = Event()
        self.result: Fetched | ServerAway = ServerAway(f"took longer than {seconds:.3g} s")

    def run(self) -> None:
        try:
            self.result = self._ask()
        except ServerAway as error:
            self.result = error
        except (OSError, HTTPException, ValueError) as error:
            self.result = ServerAway(f"could not be read ({type(error).__name__})")
        finally:
            for opened in (self.connection, self.socket):
                if opened is not None:
                    opened.close()

    def _ask(self) -> Fetched | ServerAway:
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.connection = kind(parts.netloc, timeout=self.seconds)
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        method = "GET" if self.data is None else "POST"
        if self.reaches is not None:
            self.connection.sock = self._connected(parts.scheme, self.connection, self.reaches)
        else:
            self.connection.connect()
        # The connection forgets it if the server says that it will close, but the answer reads on.
        self.socket = self.connection.sock
        if self.is_over.is_set():  # A lookup may take longer, and `abort` had nothing to close.
            raise ServerAway("was found too late")
        self.connection.request(method, path, body=self.data, headers=self.headers)
        response = self.connection.getresponse()  # does not follow redirects
        body = response.read(self.most)
        if not self.is_cut and (response.length or response.read(1)):
            return ServerAway("sent too much, or less than it promised")
        return Fetched(response.status, body)

    def _connected(
        self, scheme: str, connection: HTTPConnection, reaches: MayReach
    ) -> socket.socket:
        """Connect to an address that was checked, so no second lookup can lead elsewhere."""
        host, port = connection.host, connection.port
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not all(reaches(str(address[0])) for *_, address in found):
            raise AddressRefused("leads to an address that is not public")
        for family, kind, protocol, _name, address in found:
            opened = self.socket = socket.socket(family, kind, protocol)
            opened.settimeout(self.seconds)
            try:
                opened.connect(address)
            except OSError:
                opened.close()
                continue
            if scheme == "https":
                context = ssl.create_default_context()
                opened = self.socket = context.wrap_socket(
                    opened, server_hostname=host, do_handshake_on_connect=False
                )
                opened.do_handshake()
            return opened
        raise ServerAway("could not be reached")

    def abort(self) -> None:
        """End the thread. Until it is connected, each step has a timeout."""
        self.is_over.set()
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


def fetch(
    url: str,
    *,
    seconds: float,
    most: int,
    data: str | None = None,
    headers: Mapping[str, str] | None = None,
    reaches: MayReach | None = None,
    is_cut: bool = False,
) -> Fetched:
    """Return the answer to a GET of `url`, or to a POST if there is `data`. Redirects are answers.

    For URLs that users enter, `reaches` decides on each IP address to which the host name leads,
    and one refusal raises AddressRefused. With `is_cut`, a longer answer is cut off.

    Raises ServerAway if the answer takes longer than `seconds`, from the lookup of the host name to
    its last byte, or has more than `most` bytes.
    """
    request = _Request(url, seconds, most, data, reaches)
    request.is_cut = is_cut
    request.headers.update(headers or {})
    request.start()
    request.join(seconds)
    result = request.result  # until now: an answer that is cut short looks whole
    if request.is_alive():
        request.abort()
    if isinstance(result, ServerAway):
        raise result
    return result


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the Internet, and not to a network of its own.

    Private, loopback, link-local, shared, multicast and reserved addresses do not, and neither do
    the forms of IPv6 that stand for an address of IPv4 (::ffff:0:0/96, 64:ff9b::/96).
    """
    found = ipaddress.ip_address(address)
    if not found.is_global or found.is_multicast or found.is_reserved:
        return False
    if any(found in network for network in SPECIAL):
        return False
    return found.version == 4 or found in UNICAST
