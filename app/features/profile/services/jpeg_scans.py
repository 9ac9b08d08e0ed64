"""Count the scans of a JPEG.

A progressive JPEG has about ten. A hostile one repeats a scan of 70 bytes 100,000 times, and each
takes as long as decoding the whole picture.
"""

import re
from typing import BinaryIO

MOST = 100  # programs that search for the smallest file write some 20
MOST_SEGMENTS = 2_000  # a colour profile has 255 at most, and Pillow reads each in Python
START = b"\xff\xd8\xff"
# The data of a scan has no other bytes FF than those before 00, and restart markers (D0 to D7).
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
MOST_EXIF = 2  # segments, which Pillow puts together, and reads in Python
EXIF = b"\xff\xe1", b"Exif\0\0"
SCAN, END = b"\xff\xda", b"\xff\xd9"
WITHOUT_LENGTH = {b"\xff\x01", b"\xff\xd8"}


def count(stream: BinaryIO) -> int:
    """Return the number of scans, or 0 for a file of another kind.

    Reads the markers as libjpeg does (ITU-T T.81, annex B). A thumbnail within a segment does not
    count. Returns MOST + 1 for more scans, and for more than MOST_SEGMENTS or MOST_EXIF.
    """
    stream.seek(0)
    is_jpeg = stream.read(len(START)) == START
    stream.seek(0)
    content = stream.read() if is_jpeg else b""
    stream.seek(0)
    scans = exif = at = 0
    for _ in range(MOST_SEGMENTS):
        marker = MARKER.search(content, at)
        if marker is None or marker[0] == END:
            return scans
        at = marker.end()
        if marker[0] not in WITHOUT_LENGTH:
            scans += marker[0] == SCAN
            exif += (marker[0], content[at + 2 : at + 8]) == EXIF
            at += int.from_bytes(content[at : at + 2])
        if scans > MOST or exif > MOST_EXIF:
            break
    return MOST + 1
