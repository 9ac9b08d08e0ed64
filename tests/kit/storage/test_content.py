"""The type of a file follows from its content."""

import pytest

from app.kit.storage import type_of

HEADS = [
    (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
    (b"\xff\xd8\xff\xe0", "image/jpeg"),
    (b"GIF89a/*", "image/gif"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    (b"RIFX\0\0\0\0WEBPVP8 ", "application/octet-stream"),
    (b"\0\0\0\x1cftypavif", "image/avif"),
    (b"%PDF-1.7", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "text/plain"),
    (b"<!doctype html><script>alert(1)</script>", "text/plain"),
    ("\ufeffZoë;Müller\r\n".encode(), "text/plain"),
    (("é" * 3000).encode()[:4096], "text/plain"),
    (b"MZ\x90\0", "application/octet-stream"),
    (b"caf\xe9", "application/octet-stream"),
    (b"", "application/octet-stream"),
]


@pytest.mark.parametrize(("head", "expected"), HEADS)
def test_the_type_of_a_file(head, expected):
    assert type_of(head) == expected
