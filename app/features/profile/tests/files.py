"""Make the pictures that users upload, and hostile ones."""

import struct
import zlib
from io import BytesIO

from PIL import Image, ImageCms


def encoded(image, kind="PNG", **options):
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def halves(width=400, height=200, left="red", right="blue", mode="RGB"):
    """Return an image with a colour on each side."""
    image = Image.new(mode, (width, height), left)
    image.paste(Image.new(mode, (width - width // 2, height), right), (width // 2, 0))
    return image


def turned(orientation):
    """Return a JPEG that is red on the left, blue on the right once its orientation is applied."""
    image = halves(200, 200)
    if orientation == 6:  # turned by 90 degrees to the left, to be turned to the right
        image = image.transpose(Image.Transpose.ROTATE_90)
    elif orientation == 3:
        image = image.transpose(Image.Transpose.ROTATE_180)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a secret place"
    return encoded(image, "JPEG", exif=exif, quality=95)


def many_scans(number, width=1024):
    """Return a small progressive JPEG that goes over all its pixels `number` times."""

    def segment(code, content):
        return bytes((0xFF, code)) + struct.pack(">H", len(content) + 2) + content

    def scan(first, last, bits):
        bits += "1" * (-len(bits) % 8)
        data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
        head = segment(0xDA, bytes((1, 1, 0, first, last, 0)))
        return head + data.replace(b"\xff", b"\xff\x00")

    blocks = (width // 8) ** 2
    assert 2**14 <= blocks < 2**15, "one code says that all blocks are empty"
    return (
        b"\xff\xd8"
        + segment(0xDB, bytes((0, *[1] * 64)))
        + segment(0xC2, struct.pack(">BHHB3B", 8, width, width, 1, 1, 0x11, 0))
        + segment(0xC4, bytes((0x00, 1, *[0] * 15, 0x00)))
        + segment(0xC4, bytes((0x10, 1, *[0] * 15, 0xE0)))
        + scan(0, 0, "0" * blocks)
        + scan(1, 63, f"0{blocks - 2**14:014b}") * (number - 1)
        + b"\xff\xd9"
    )


def with_profile():
    return encoded(
        halves(),
        "PNG",
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )


def animated():
    frames = [Image.new("P", (60, 60), number) for number in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def polyglot():
    """Return a GIF that is a script, too."""
    picture = encoded(Image.new("P", (8, 8)), "GIF")
    return picture.replace(b";", b"\x3b/*alert(1)*/", 1) + b"*/=1;alert(document.domain)//"


def chunk(kind, data):
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(data):
    """Return a PNG with chunks behind its head."""
    content = encoded(halves())
    return content[:33] + data + content[33:]


def turned_by_long_exif(size):
    """Return a PNG that is turned by EXIF data of some size."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a" * size
    return encoded(halves(200, 200), "PNG", exif=exif)


def with_exif_segments(number):
    """Return a JPEG with segments of EXIF data, which Pillow puts together."""
    picture, data = encoded(halves(), "JPEG"), b"Exif\0\0" + bytes(60_000)
    segment = b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
    return picture[:2] + segment * number + picture[2:]


def gif_of_comments(number):
    picture = encoded(Image.new("P", (8, 8)), "GIF")
    at = 13 + (2 << (picture[10] & 7)) * 3
    return picture[:at] + b"!\xfe" + b"\x01a" * number + b"\0" + picture[at:]


def png_of_size(width, height):
    """Return a small PNG whose head says that it is large: a decompression bomb."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def webp_of_size(width, height):
    """Return the head of a WebP whose canvas is large."""
    head = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + head
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_of_size(width, height):
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\0;"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6) + frame


def jpeg_of_size(width, height):
    """Return a JPEG whose head says another size than its data has."""
    data = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


GOOD = {
    "jpeg": encoded(halves(), "JPEG"),
    "cmyk": encoded(halves(mode="RGB").convert("CMYK"), "JPEG"),
    "grey": encoded(halves().convert("L"), "JPEG"),
    "png": encoded(halves()),
    "png with an alpha channel": encoded(halves().convert("RGBA")),
    "png of 16 bits": encoded(Image.new("I;16", (50, 70))),
    "png of 1 bit": encoded(Image.new("1", (50, 70))),
    "png with a profile": with_profile(),
    "png with a broken profile": encoded(halves(), icc_profile=b"broken" * 30),
    "webp": encoded(halves(), "WEBP"),
    "gif": encoded(halves().convert("P"), "GIF"),
    "animated gif": animated(),
    "avif": encoded(halves(), "AVIF"),
    "one pixel": encoded(Image.new("RGB", (1, 1))),
    "a line": encoded(Image.new("RGB", (3000, 1))),
    "a script in a gif": polyglot(),
}

BAD = {
    "nothing": b"",
    "a bomb": png_of_size(60_000, 60_000),
    "a smaller bomb": png_of_size(6_000, 5_000),
    "100 megapixels": jpeg_of_size(10_000, 10_000),
    "a large webp": webp_of_size(16_000, 16_000),
    "a large gif": gif_of_size(65_535, 65_535),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "a truncated jpeg": encoded(halves(), "JPEG", quality=100)[:-200],
    "a truncated png": encoded(halves())[:-30],
    "a truncated avif": encoded(halves(), "AVIF")[:200],
    "a head only": b"\xff\xd8\xff\xe0",
    "bmp": encoded(halves(), "BMP"),
    "tiff": encoded(halves(), "TIFF"),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "a pdf": b"%PDF-1.7\n",
    "a zip": b"PK\x03\x04" + bytes(40),
}
