"""Uploaded pictures become small squares without anything but pixels, or are refused."""

import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from app.features.profile.services import images, jpeg_scans
from app.features.profile.services.images import BadPicture, Crop, squares
from app.features.profile.tests import files
from app.features.profile.tests.files import BAD, GOOD, encoded, halves

RED, BLUE = (254, 0, 0), (0, 0, 254)


def opened(content, crop=None):
    return {
        size: Image.open(BytesIO(data)).convert("RGB")
        for size, data in squares(BytesIO(content), crop or Crop()).items()
    }


def is_near(pixel, colour):
    return all(abs(a - b) < 30 for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("name", GOOD)
def test_a_picture_of_each_kind_becomes_three_squares(name):
    made = squares(BytesIO(GOOD[name]), Crop())
    assert list(made) == ["256", "128", "64"]
    for size, data in made.items():
        image = Image.open(BytesIO(data))
        assert (image.format, image.size) == ("WEBP", (int(size), int(size)))
        assert not image.getexif()
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(image.info)
        assert getattr(image, "n_frames", 1) == 1
        assert b"alert" not in data


@pytest.mark.parametrize("name", BAD)
def test_a_hostile_file_is_refused_with_a_sentence(name):
    with pytest.raises(BadPicture) as refused:
        squares(BytesIO(BAD[name]), Crop())
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("name", ["a bomb", "100 megapixels", "a large webp", "a large gif"])
def test_the_size_is_checked_before_anything_is_decoded(name):
    tracemalloc.start()
    try:
        with pytest.raises(BadPicture, match="megapixels"):
            squares(BytesIO(BAD[name]), Crop())
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded():
    """One of 300 KB would take eight seconds, and one of 10 MB five minutes."""
    squares(BytesIO(files.many_scans(20)), Crop())
    hostile = files.many_scans(jpeg_scans.MOST + 1)
    comment = b"\xff\xfe\x00\x04\xff\xd9"  # that looks like the end of the picture
    for content in (hostile, hostile[:2] + comment + hostile[2:]):
        with pytest.raises(BadPicture, match="takes too long"):
            squares(BytesIO(content), Crop())


def test_a_picture_of_too_many_parts_is_refused():
    """Pillow reads each in Python: a million of them took three seconds, or 400 MB of memory."""
    squares(BytesIO(files.with_chunk(files.chunk(b"tEXt", b"a\0b") * 500)), Crop())
    squares(BytesIO(files.gif_of_comments(500)), Crop())
    squares(BytesIO(files.with_exif_segments(1)), Crop())
    for hostile in (
        files.with_chunk(files.chunk(b"abCd", b"") * 20_000),
        files.gif_of_comments(50_000),
        files.with_exif_segments(jpeg_scans.MOST_EXIF + 1),
    ):
        with pytest.raises(BadPicture, match="takes too long"):
            squares(BytesIO(hostile), Crop())


def test_a_large_picture_in_small_parts_is_read():
    content = encoded(Image.new("L", (1_200, 1_200)))
    at, rows = content.index(b"IDAT") - 4, zlib.compress(bytes(1_201) * 1_200, 0)
    parts = (files.chunk(b"IDAT", rows[at : at + 1024]) for at in range(0, len(rows), 1024))
    squares(BytesIO(content[:at] + b"".join(parts) + files.chunk(b"IEND", b"")), Crop())


def test_long_exif_data_does_not_turn_a_picture():
    """Turning it decodes all of that data: 9 MB took half a minute, and 700 MB of memory."""
    for size, is_turned in ((1_000, True), (2 * images.LARGEST_METADATA, False)):
        image = opened(files.turned_by_long_exif(size))["256"]
        assert is_near(image.getpixel((128, 20)), RED if is_turned else BLUE) is is_turned
        assert is_near(image.getpixel((20, 128)), RED) is not is_turned


@pytest.mark.parametrize(
    ("content", "scans"),
    [
        (b"", 0),
        (GOOD["jpeg"], 1),
        (GOOD["png"], 0),
        (files.many_scans(3), 3),
        (encoded(halves(), "JPEG", progressive=True, comment=b"\xff\xda" * 200), 10),
        (GOOD["jpeg"][:-2] + b"\xff\xd0" * 3_000_000 + b"\xff\xd9", 1),
        (b"\xff\xd8" + b"\xff\xfe\x00\x02" * 3_000_000, jpeg_scans.MOST + 1),
        (b"\xff\xd8" + b"\xff\x01" * 3_000_000, jpeg_scans.MOST + 1),
        (b"\xff\xd8" + b"\xff" * 3_000_000 + b"\x00", 0),
        (b"\xff\xd8" + b"\xff\xda\x00\x00" * 3_000_000, jpeg_scans.MOST + 1),
    ],
    ids=range(10),
)
def test_the_scans_of_a_jpeg_are_counted(content, scans):
    """No thumbnail or comment counts, and what follows the end of the picture does not either."""
    assert jpeg_scans.count(BytesIO(content)) == scans
    if scans:
        assert jpeg_scans.count(BytesIO(content + b"\xff\xda" * 200)) == scans


def test_a_process_decodes_one_picture_at_a_time(monkeypatch):
    """Eight files of 1 KB, sent at once, would take 2 GB of memory."""
    inside, most, decode = [], [], images._square

    def watched(*given):
        inside.append(1)
        most.append(len(inside))
        try:
            return decode(*given)
        finally:
            inside.pop()

    monkeypatch.setattr(images, "_square", watched)
    content = encoded(halves(1_000, 1_000))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _number: squares(BytesIO(content), Crop()), range(8)))
    assert len(made) == 8
    assert set(most) == {1}


def test_the_number_of_pixels_depends_on_the_kind(monkeypatch):
    for kind in ("JPEG", "WEBP", "AVIF"):
        content = encoded(halves(400, 200), kind)
        monkeypatch.setitem(images.MOST_PIXELS, kind, 400 * 200)
        squares(BytesIO(content), Crop())
        monkeypatch.setitem(images.MOST_PIXELS, kind, 400 * 200 - 1)
        with pytest.raises(BadPicture, match="megapixels"):
            squares(BytesIO(content), Crop())


def test_a_progressive_jpeg_may_have_fewer_pixels(monkeypatch):
    """All its coefficients are in memory at once."""
    monkeypatch.setattr(images, "MOST_PIXELS_OF_OTHERS", 50_000)
    squares(BytesIO(encoded(halves(), "JPEG")), Crop())
    with pytest.raises(BadPicture, match="megapixels"):
        squares(BytesIO(encoded(halves(), "JPEG", progressive=True)), Crop())


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_the_orientation_is_applied_and_its_place_is_gone(orientation):
    content = files.turned(orientation)
    assert b"a secret place" in content
    (image, *_), made = opened(content).values(), squares(BytesIO(content), Crop())
    assert is_near(image.getpixel((20, 128)), RED)
    assert is_near(image.getpixel((236, 128)), BLUE)
    assert all(b"a secret place" not in data for data in made.values())


@pytest.mark.parametrize(
    ("crop", "colours"),
    [
        (Crop(), (RED, BLUE)),
        (Crop(left=0), (RED, RED)),
        (Crop(left=1), (BLUE, BLUE)),
        (Crop(left=1, top=1, side=0.1), (BLUE, BLUE)),
        (Crop(left=1, side=0), (BLUE, BLUE)),
    ],
)
def test_the_chosen_square_is_cut_out(crop, colours):
    image = opened(encoded(halves()), crop)["256"]
    assert is_near(image.getpixel((4, 128)), colours[0])
    assert is_near(image.getpixel((251, 128)), colours[1])


def test_cmyk_has_the_colours_that_were_seen():
    image = opened(GOOD["cmyk"])["64"]
    assert is_near(image.getpixel((4, 32)), RED)


def test_no_photo_of_a_usual_camera_is_too_large():
    """Cameras of 12 megapixels have 4032 × 3024 pixels, and those of 16 have 4624 × 3468."""
    for kind, size in {
        "WEBP": (4032, 3024), "AVIF": (4624, 3468), "JPEG": (8160, 6144), None: (5712, 4284),
    }.items():  # fmt: skip
        images._check_size(kind, *size)
