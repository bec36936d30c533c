"""What video files say beside their pictures and OpenCV doesn't pass on; broken Matroska mended.

MP4 and QuickTime are boxes within boxes (ISO/IEC 14496-12), Matroska and WebM elements within
elements (RFC 8794 and 9559).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from mmap import ACCESS_COPY, mmap
from pathlib import Path

import numpy as np

from utils.files import AnyPath

EBML, SEGMENT, CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
TRACKS, TRACK, VIDEO, COLOUR, PROJECTION = b"\x16\x54\xae\x6b", b"\xae", b"\xe0", b"U\xb0", b"vp"
# What stands in a cluster, and beside it.
KNOWN = {b"\xa3", b"\xa0", b"\xe7", b"\xab", b"\xa7", b"\x58\x54", b"\xaf", b"\xec", b"\xbf"}
KNOWN |= {b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66", b"\x12\x54\xc3\x67", b"\x1c\x53\xbb\x6b"}
KNOWN |= {TRACKS, b"\x19\x41\xa4\x69", b"\x10\x43\xa7\x70"}
RESUMED = re.compile(CLUSTER + rb"|[\xa3\xa0]")  # what reading can go on with behind a break
PLAUSIBLE = 3  # elements in a row after a break, by which the next whole one is known


@dataclass(frozen=True)
class Header:
    """Of the first video track.

    Attributes:
        display: (2, 2), as utils.video.frame.upright takes it.
        primaries, transfer, matrix: numbers of ITU-T H.273; 2 where the file doesn't say.
    """

    display: np.ndarray = field(default_factory=lambda: np.eye(2))
    primaries: int = 2
    transfer: int = 2
    matrix: int = 2


def read_header(path: AnyPath) -> Header:
    """Read what an MP4, QuickTime, Matroska or WebM file says of its video; of others nothing."""
    with _map(path) as data, suppress(struct.error, ValueError, IndexError, StopIteration):  # cut
        return _matroska(data) if data[:4] == EBML else _mp4(data)
    return Header()


def _map(path: AnyPath) -> mmap:
    """A file's content; what is written to it stays in memory."""
    with Path(path).open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_COPY)


def _mp4(data: mmap) -> Header:
    movie = next(_boxes(data, b"moov"))
    for track in _boxes(movie, b"trak"):
        handler = next(_boxes(next(_boxes(track, b"mdia")), b"hdlr"))
        if handler[8:12] == b"vide":
            display = _matrix(track, b"tkhd", 40) @ _matrix(movie, b"mvhd", 36)
            at = track.find(b"colrncl")  # nclx or nclc: both begin with these numbers
            tags = struct.unpack_from(">3H", track, at + 8) if at >= 0 else (2, 2, 2)
            return Header(display, *tags)
    return Header()


def _boxes(data: mmap | bytes, wanted: bytes) -> Iterator[bytes]:
    """The contents of the boxes of this kind."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        begin = 8
        if size == 1:
            size, begin = struct.unpack_from(">Q", data, at + 8)[0], 16
        size = size or len(data) - at
        if size < begin:
            return
        if kind == wanted:
            yield data[at + begin : at + size]
        at += size


def _matrix(parent: bytes, kind: bytes, at: int) -> np.ndarray:
    """(2, 2) of the nine numbers at `at`; boxes of version 1 have times of 64 bits before."""
    box = next(_boxes(parent, kind))
    at += 12 * (box[0] == 1)
    return np.frombuffer(box[at : at + 36], ">i4").reshape(3, 3)[:2, :2] / 65536


def tag_mp4(path: AnyPath, primaries: int, transfer: int, matrix: int) -> None:
    """Write into an MP4 file of MPEG-4 whose header is its end, as OpenCV's, what its colours are.

    Args:
        path: the file, which is changed.
        primaries, transfer, matrix: numbers of ITU-T H.273.
    """
    tag = struct.pack(">I8s3HB", 19, b"colrnclx", primaries, transfer, matrix, 0)
    with Path(path).open("r+b") as file:
        content = bytearray(file.read())
        at = begin = content.rindex(b"moov") - 4
        for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"mp4v"):
            at = content.index(kind, at) - 4
            (size,) = struct.unpack_from(">I", content, at)
            struct.pack_into(">I", content, at, size + len(tag))
        content[at + size : at + size] = tag
        file.seek(begin)
        file.write(content[begin:])


def _matroska(data: mmap) -> Header:
    video = next(_elements(data[: data.find(CLUSTER)], SEGMENT, TRACKS, TRACK, VIDEO))
    tags = (
        int.from_bytes(next(_elements(video, COLOUR, kind), b"\2"), "big")
        for kind in (b"\x55\xbb", b"\x55\xba", b"\x55\xb1")
    )
    degrees = (
        next(_elements(video, PROJECTION, kind), bytes(4)) for kind in (b"\x76\x73", b"\x76\x75")
    )
    yaw, roll = (struct.unpack(">d" if len(real) == 8 else ">f", real)[0] for real in degrees)
    mirror, cos, sin = 1 - 2 * (abs(yaw) == 180), np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
    return Header(np.array([[mirror * cos, -mirror * sin], [sin, cos]]), *tags)


def _elements(data: bytes, kind: bytes, *inner: bytes) -> Iterator[bytes]:
    """The contents of the elements of this kind, or of those within."""
    at = 0
    while at < len(data):
        found, begin, at = _element(data, at)
        if found == kind:
            yield from _elements(data[begin:at], *inner) if inner else [data[begin:at]]


def _element(data: mmap | bytes, at: int) -> tuple[bytes, int, int]:
    """Its kind, and where its content begins and ends: with the data, if it doesn't say."""
    middle = at + 9 - data[at].bit_length()
    begin = middle + 9 - data[middle].bit_length()
    unknown = (1 << 7 * (begin - middle)) - 1
    size = int.from_bytes(data[middle:begin], "big") & unknown
    return data[at:middle], begin, len(data) if size == unknown else begin + size


def is_cut_matroska(path: AnyPath) -> bool | None:
    """Whether a Matroska file is shorter than it says; None of other files."""
    with _map(path) as data, suppress(IndexError):
        if data[:4] != EBML:
            return None
        return _element(data, _element(data, 0)[2])[2] > len(data)
    return True


def mend_matroska(path: AnyPath) -> tuple[mmap, int] | None:
    """A Matroska file in which what is broken between its packets is marked to be passed over.

    FFmpeg leaves out all that follows a broken packet, up to the next cluster, whichever track it
    is of. The file itself stays as it is.

    Returns:
        The content and in how many places it was mended; None if it is whole or no Matroska.
    """
    data, count = _map(path), 0
    with suppress(IndexError):  # cut off within the last
        for begin, end in _breaks(data) if data[:4] == EBML else ():
            data[begin : begin + 9] = b"\xec\1" + (end - begin - 9).to_bytes(7, "big")  # a gap
            count += 1
    return (data, count) if count else None


def _breaks(data: mmap) -> Iterator[tuple[int, int]]:
    """Where elements are broken, and where the next whole one begins; nine bytes or more."""
    _, at, _ = _element(data, _element(data, 0)[2])
    cluster_end = len(data)
    while at < len(data):
        kind, begin, end = _element(data, at)
        if at >= cluster_end:
            cluster_end = len(data)
        if kind == CLUSTER:
            at, cluster_end = begin, min(end, len(data))
        elif kind in KNOWN and end <= cluster_end:
            at = end
        else:
            places = (match.start() for match in RESUMED.finditer(data, at + 9))
            again = next((place for place in places if _is_whole(data, place)), len(data))
            if again < len(data):
                yield at, again
            at = again


def _is_whole(data: mmap, at: int) -> bool:
    """Whether elements of known kinds begin here."""
    for _ in range(PLAUSIBLE):
        if at >= len(data):
            return at == len(data)
        kind, _, at = _element(data, at)
        if kind not in KNOWN:
            return kind == CLUSTER
    return True
