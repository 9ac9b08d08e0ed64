"""Other servers are asked with limits of time and size."""

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.kit import fetching
from tests import serving_threads
from tests.queue.support import CERTIFICATE


@pytest.mark.parametrize("header", [b"Content-Length: 90000", b"Connection: close"], ids=str)
def test_an_answer_that_trickles_keeps_no_thread(header):
    """Each would wait for days: a packet of one byte renews the timeout of a socket."""
    ended = threading.Event()

    def trickle():
        connection, _address = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n")
            try:
                while not ended.wait(0.02):
                    connection.sendall(b" ")
            except OSError:
                ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=trickle, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(fetching.ServerAway, match="longer than"):
            fetching.fetch(url, seconds=0.2, most=1_000_000)
        try:
            assert ended.wait(10), "close the connection when the time is over"
        finally:
            ended.set()


class Server(ThreadingHTTPServer):
    """A server that counts requests and answers each alike."""

    def __init__(self, body=b"hello", context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.seen = body, []
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, _request, _client):
        pass

    @property
    def port(self):
        return self.server_address[1]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.headers["Host"])
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


def serving(**options):
    return serving_threads.serving(Server(**options))


def resolving(monkeypatch, *answers):
    """Let host names lead to these addresses, one after the other, and return the lookups."""
    lookups, left = [], list(answers)
    usual = socket.getaddrinfo

    def look_up(host, port, *args, **options):
        lookups.append(host)
        return usual(left.pop(0) if left else "127.0.0.1", port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return lookups


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing binds to it
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("192.0.0.8", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("239.1.1.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%lo", False),
        ("fc00::1", False),
        ("fd12:3456::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("2002:7f00:1::", False),
        ("3fff::1", False),
        ("2001:0:7f00:1::", False),
        ("2001:db8::1", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address, is_public):
    assert fetching.is_public(address) is is_public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_a_private_address_is_not_asked_in_any_spelling(host):
    with serving() as server:
        url = f"http://{host}:{server.port}/"
        with pytest.raises(fetching.AddressRefused):
            fetching.fetch(url, seconds=5, most=100, reaches=fetching.is_public)
        assert server.seen == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    found = [(*kind, (address, 80)) for address in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(fetching.AddressRefused):
        fetching.fetch("http://a.example/", seconds=5, most=100, reaches=fetching.is_public)


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    """A name that leads elsewhere in a second lookup (DNS rebinding) gets no second lookup."""
    checked = []
    with serving() as server:
        lookups = resolving(monkeypatch, "127.0.0.1", "127.0.0.2")
        url = f"http://a.example:{server.port}/"
        reaches = lambda address: checked.append(address) or True  # noqa: E731
        assert fetching.fetch(url, seconds=5, most=100, reaches=reaches).body == b"hello"
    assert lookups == ["a.example"]
    assert checked == ["127.0.0.1"]
    assert server.seen == [f"a.example:{server.port}"]


def test_a_certificate_of_nobody_is_refused():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with serving(context=context) as server:
        url = f"https://127.0.0.1:{server.port}/"
        with pytest.raises(fetching.ServerAway, match="SSLCertVerificationError"):
            fetching.fetch(url, seconds=5, most=100, reaches=lambda _: True)
        assert server.seen == []


def test_a_long_answer_can_be_cut():
    with serving(body=b"x" * 5_000) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert fetching.fetch(url, seconds=5, most=100, is_cut=True).body == b"x" * 100
        with pytest.raises(fetching.ServerAway, match="too much"):
            fetching.fetch(url, seconds=5, most=100)


def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    with serving() as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        url = f"http://127.0.0.1:{server.port}/"
        assert fetching.fetch(url, seconds=5, most=100).status == 200


@pytest.mark.parametrize("reaches", [None, lambda _: True], ids=["any", "checked"])
def test_a_host_that_is_found_too_late_is_sent_nothing(monkeypatch, reaches):
    """Its answer could trickle for days, and nobody waits for it."""
    late, usual = threading.Event(), socket.getaddrinfo

    def look_up(*args, **options):
        late.wait(60)
        return usual(*args, **options)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(fetching.ServerAway, match="longer than"):
            fetching.fetch(url, seconds=0.05, most=100, data="secret", reaches=reaches)
        late.set()
        connection, _address = listener.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(100) == b"", "send nothing after the time is over"
