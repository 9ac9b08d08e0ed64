"""Count the scans of a JPEG.

A progressive JPEG has about ten. A hostile one repeats a scan of 70 bytes 100,000 times, and each
takes as long as decoding the whole picture.
"""

import re
from typing import BinaryIO

MOST = 100  # programs that search for the smallest file write some 20
START = b"\xff\xd8\xff"
MARKER = re.compile(rb"\xff[^\x00\xff]")
SCAN, END = b"\xff\xda", b"\xff\xd9"
WITHOUT_LENGTH = {bytes((0xFF, code)) for code in (0x01, *range(0xD0, 0xD9))}


def count(stream: BinaryIO) -> int:
    """Return the number of scans, at most MOST + 1, or 0 for a file of another kind.

    Reads the markers as libjpeg does (ITU-T T.81, annex B). The data of a scan has no markers: a
    byte FF within it is followed by 00. A thumbnail within a segment does not count.
    """
    stream.seek(0)
    content = stream.read() if stream.read(len(START)) == START else b""
    stream.seek(0)
    scans = at = 0
    while scans <= MOST and (marker := MARKER.search(content, at)):
        at = marker.end()
        if marker[0] == END:
            break
        if marker[0] not in WITHOUT_LENGTH:
            scans += marker[0] == SCAN
            at += int.from_bytes(content[at : at + 2])
    return scans
