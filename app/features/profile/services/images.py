"""Turn an uploaded picture into square WebP images.

Nothing of the upload is kept but its pixels, so metadata, colour profiles and whatever hides behind
an image are gone.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from importlib import import_module
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO

from app.features.profile.services import jpeg_scans
from app.kit.storage.content import HEAD

SIZES = (256, 128, 64)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
NAMES = "JPEG, PNG, WebP, GIF or AVIF"
# Decoding any of these takes some 200 MB at most. A JPEG of one scan is decoded at an eighth of its
# size. The libraries of WebP and AVIF hold several copies of the picture.
MOST_PIXELS = {"JPEG": 60_000_000, "MPO": 60_000_000, "WEBP": 12_500_000, "AVIF": 16_500_000}
MOST_PIXELS_OF_OTHERS = 25_000_000
LARGEST_PROFILE = 1024 * 1024  # bytes
# Pillow decodes all of it to change the orientation: 9 MB take half a minute.
LARGEST_METADATA = 64 * 1024
WITH_ORIENTATION = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
# A PNG of common programs is read in pieces of 2 KB or more.
MOST_READS, BYTES_A_READ = 10_000, 256
TOO_SLOW = "Showing the picture takes too long. Save it anew, or choose another."

# One user who sends eight small files at once would take 2 GB of memory.
_one_at_a_time = threading.Lock()


class BadPicture(Exception):
    """The file is no picture that can be used. The message says why, in a sentence."""


@dataclass(frozen=True)
class Crop:
    """A square of a picture. All numbers are fractions from 0 to 1.

    `left` and `top` are those of the free space beside the square, `side` that of the shorter side.
    """

    left: float = 0.5
    top: float = 0.5
    side: float = 1.0

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        side = max(1.0, min(width, height) * self.side)
        left, top = (width - side) * self.left, (height - side) * self.top
        return left, top, left + side, top + side


class _Source:
    """A file for Pillow, which may read it a limited number of times.

    Pillow reads the parts of a PNG or a GIF one by one in Python. A hostile file of 10 MB has a
    million of them, which take three seconds or 400 MB of memory.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.seek, self.tell, self._read = stream.seek, stream.tell, stream.read
        self._left = MOST_READS + stream.seek(0, SEEK_END) // BYTES_A_READ

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise BadPicture(TOO_SLOW)
        return self._read(size)


def as_jpeg(webp: bytes) -> bytes:
    """Return one of our own pictures as a JPEG, because not every mail program shows WebP."""
    pillow = import_module("PIL.Image")
    with pillow.open(BytesIO(webp), formats=("WEBP",)) as image:
        picture = pillow.new("RGB", image.size, "white")
        picture.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
    target = BytesIO()
    picture.save(target, "JPEG", quality=85)
    return target.getvalue()


def squares(stream: BinaryIO, crop: Crop) -> dict[str, bytes]:
    """Return the picture as WebP images, by their width. Raises BadPicture.

    The number of pixels is read from the head of the file, and checked before any is decoded. A
    process decodes one picture at a time, and the others wait.
    """
    # Pillow takes 20 MB and a tenth of a second, which a process without uploads saves.
    pillow = import_module("PIL.Image")
    try:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sizes, which are checked here
            _check_webp(stream)
            scans = _count_scans(stream)
            with pillow.open(_Source(stream), formats=FORMATS) as image:
                _check_size(None if scans > 1 else image.format, *image.size)
                return _encoded(_square(pillow, image, crop))
    except BadPicture:
        raise
    except pillow.UnidentifiedImageError:
        raise BadPicture(f"This is no picture. Choose a {NAMES} file.") from None
    except pillow.DecompressionBombError:
        raise _too_many(None) from None
    except Exception as error:
        # Decoders of hostile files raise errors of any type.
        raise BadPicture("The picture is damaged. Save it anew, or choose another.") from error


def _square(pillow: Any, image: Any, crop: Crop) -> Any:
    """Return the part of the picture in `crop`, upright, in sRGB, SIZES[0] pixels wide."""
    profile = image.info.get("icc_profile")
    image.draft("RGB", (4 * SIZES[0], 4 * SIZES[0]))  # only JPEG, which then decodes less
    image.load()
    for name in WITH_ORIENTATION:
        if len(image.info.get(name, "")) > LARGEST_METADATA:
            del image.info[name]
    import_module("PIL.ImageOps").exif_transpose(image, in_place=True)  # A copy takes memory.
    upright = image
    if upright.mode not in {"RGB", "RGBA", "CMYK", "L"}:
        upright = upright.convert("RGBA")
    width = (SIZES[0], SIZES[0])
    box = crop.box(*upright.size)
    small = upright.resize(width, pillow.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return _in_srgb(small, profile)


def _in_srgb(image: Any, profile: Any) -> Any:
    """Apply the colour profile of a picture. A profile that is broken is left out."""
    plain = image.convert("RGBA" if image.mode == "RGBA" else "RGB")
    if not isinstance(profile, bytes) or len(profile) > LARGEST_PROFILE:
        return plain
    colours = import_module("PIL.ImageCms")
    source = image.convert("RGB") if image.mode == "RGBA" else image
    try:
        srgb = colours.createProfile("sRGB")
        read = colours.ImageCmsProfile(BytesIO(profile))
        converted = colours.profileToProfile(source, read, srgb, outputMode="RGB")
    except (colours.PyCMSError, OSError, ValueError):
        return plain
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


def _encoded(image: Any) -> dict[str, bytes]:
    image.info.clear()
    found = {}
    for size in SIZES:
        target = BytesIO()
        image.resize((size, size)).save(target, "WEBP", quality=85, exif=b"", icc_profile=None)
        found[str(size)] = target.getvalue()
    return found


def _check_webp(stream: BinaryIO) -> None:
    """Check the size of a WebP file before Pillow does, which reserves memory for it at once."""
    stream.seek(0)
    head = stream.read(HEAD)
    stream.seek(0)
    if not head:
        raise BadPicture("The file is empty.")
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        _check_size("WEBP", width, height)


def _count_scans(stream: BinaryIO) -> int:
    scans = jpeg_scans.count(stream)
    if scans > jpeg_scans.MOST:
        raise BadPicture(TOO_SLOW)
    return scans


def _check_size(kind: str | None, width: int, height: int) -> None:
    most = MOST_PIXELS.get(kind or "", MOST_PIXELS_OF_OTHERS)
    if width * height > most:
        raise _too_many(most)


def _too_many(most: int | None) -> BadPicture:
    pixels = (most or MOST_PIXELS_OF_OTHERS) // 1_000_000
    return BadPicture(f"The picture has more than {pixels} megapixels. Make it smaller.")
