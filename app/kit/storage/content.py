"""Tell the type of a file by its content. Names and types that a browser sends prove nothing."""

from typing import BinaryIO

HEAD = 4096  # bytes that are looked at

# How a file begins, at a position. These types are safe to show in a page.
IMAGES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
)
OTHERS = ((0, b"%PDF-", "application/pdf"), (0, b"PK\x03\x04", "application/zip"))
SHOWN = frozenset(name for _, _, name in IMAGES)
TEXT, UNKNOWN = "text/plain", "application/octet-stream"


def type_of(head: bytes) -> str:
    """Return the type of a file that begins with `head`.

    Text of every kind is plain text, so that no browser runs HTML, SVG or a script.
    """
    for position, start, name in (*IMAGES, *OTHERS):
        if head.startswith(start, position) and (name != "image/webp" or head[:4] == b"RIFF"):
            return name
    return TEXT if head and _is_text(head) else UNKNOWN


def head_of(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(HEAD)


def _is_text(head: bytes) -> bool:
    try:
        # The last letter of the head may be cut off.
        text = head.decode("utf-8") if len(head) < HEAD else head[:-3].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return False
    return all(
        letter.isprintable() or letter in "\t\r\n\f" for letter in text.removeprefix("\ufeff")
    )
