"""Other servers are asked with limits of time and size."""

import socket
import threading

import pytest

from app.kit import fetching


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
