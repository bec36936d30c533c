"""What video files say beside their pictures and OpenCV doesn't pass on; broken Matroska mended.

MP4 and QuickTime are boxes within boxes (ISO/IEC 14496-12), Matroska and WebM elements within
elements (RFC 8794 and 9559).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from mmap import ACCESS_COPY, mmap
from pathlib import Path

import numpy as np

from utils.files import AnyPath
from utils.video.colour import UNKNOWN

EBML = b"\x1a\x45\xdf\xa3"  # what Matroska begins with
SEGMENT, CLUSTER, TRACKS, TRACK = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
IN_CLUSTER = {0xA3, 0xA0, 0xE7, 0xAB, 0xA7, 0x5854, 0xAF, 0xEC, 0xBF}
TOP = {CLUSTER, TRACKS, 0x114D9B74, 0x1549A966, 0x1254C367, 0x1C53BB6B, 0x1941A469, 0x1043A770}
TOP |= {0xEC, 0xBF}  # gaps and checksums stand everywhere
SEARCHED = 1 << 22  # bytes at the beginning and at the end, for the stream's own tags
PLAUSIBLE = 3  # elements in a row after a break, by which the next whole one is known


@dataclass(frozen=True)
class Header:
    """Of the first video track.

    Attributes:
        display: (2, 2), as utils.video.frame.upright takes it.
        matrix, primaries, transfer: numbers of ITU-T H.273; 2 where the file doesn't say.
    """

    display: np.ndarray = field(default_factory=lambda: np.eye(2))
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2


def read_header(path: AnyPath) -> Header:
    """Read what an MP4, QuickTime, Matroska or WebM file says of its video; of others little."""
    header = None
    with suppress(struct.error, ValueError, IndexError, StopIteration), _map(path) as data:  # cut
        header = _matroska(data) if data[:4] == EBML else _mp4(data)
        header = header or Header()
        if header.matrix == UNKNOWN:
            header = replace(header, matrix=_stream_matrix(data))
    return header or Header()


def _stream_matrix(data: mmap) -> int:
    """The matrix that the first picture's H.264, HEVC or ProRes names; UNKNOWN if none is found.

    In the former two its place depends on all that stands before; but primaries, transfer and
    matrix of SDR follow bits that say so, and no such pattern comes up by chance.
    """
    starts = 0, max(0, len(data) - SEARCHED)  # MP4's header may stand at the end
    for mark in (b"icpf", b"avcC", b"hvcC", b"\x63\xa2", b"\0\0\1\x67", b"\0\0\1\x42\1"):
        places = (data.find(mark, start, start + SEARCHED) for start in starts)
        at = next((place for place in places if place >= 0), -1)
        if at >= 0 and mark == b"icpf":
            return data[at + 20]
        if at >= 0:
            content = data[at : at + 160].replace(b"\0\0\3", b"\0\0")
            bits = f"{int.from_bytes(content, 'big'):b}"
            if found := re.search("1[01]{4}1" + 3 * "(0000(?:0001|0010|01[01]{2}|1101))", bits):
                return int(found[3], 2)
    return UNKNOWN


def _map(path: AnyPath) -> mmap:
    """A file's content; what is written to it stays in memory."""
    with Path(path).open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_COPY)


def _mp4(data: mmap) -> Header | None:
    movie = _boxes(data, 0, len(data), b"moov")
    for begin, end in movie:
        whole = next(_boxes(data, begin, end, b"mvhd"), None)
        for track in _boxes(data, begin, end, b"trak"):
            media = next(_boxes(data, *track, b"mdia"))
            handler, _ = next(_boxes(data, *media, b"hdlr"))
            own = next(_boxes(data, *track, b"tkhd"), None)
            if data[handler + 8 : handler + 12] != b"vide" or not own:
                continue
            display = _matrix(data, own, 40, 12)
            if whole:
                display = display @ _matrix(data, whole, 36, 12)
            at = data.find(b"colrncl", *track)  # nclx or nclc: both begin with these numbers
            tags = struct.unpack_from(">3H", data, at + 8) if at >= 0 else (2, 2, 2)
            return Header(display, tags[2], *tags[:2])
    return None


def _boxes(data: mmap, at: int, end: int, wanted: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of the boxes of this kind begin and end."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if size == 1:
            size, begin = struct.unpack_from(">Q", data, begin)[0], at + 16
        size = size or end - at
        if size < begin - at or not kind.isalnum():
            return
        if kind == wanted:
            yield begin, min(at + size, end)
        at += size


def tag_mp4(path: AnyPath, primaries: int, transfer: int, matrix: int) -> None:
    """Write into an MP4 file of MPEG-4 whose header is its end, as OpenCV's, what its colours are.

    Args:
        path: the file, which is changed.
        primaries, transfer, matrix: numbers of ITU-T H.273.
    """
    tag = struct.pack(">I8s3HB", 19, b"colrnclx", primaries, transfer, matrix, 0)
    with Path(path).open("r+b") as file:
        content = bytearray(file.read())
        at = content.rindex(b"moov")
        begin, sizes = at - 4, [at - 4]
        for kind in (b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"mp4v"):
            at = content.index(kind, at)
            sizes.append(at - 4)
        (length,) = struct.unpack_from(">I", content, at - 4)
        for place in sizes:
            struct.pack_into(
                ">I", content, place, len(tag) + struct.unpack_from(">I", content, place)[0]
            )
        content[at - 4 + length : at - 4 + length] = tag
        file.seek(begin)
        file.write(content[begin:])


def _matrix(data: mmap, box: tuple[int, int], at: int, longer: int) -> np.ndarray:
    """(2, 2) of the nine numbers at `at`; boxes of version 1 have times of 64 bits before."""
    at += box[0] + (longer if data[box[0]] == 1 else 0)
    return np.frombuffer(data[at : at + 36], ">i4").reshape(3, 3)[:2, :2] / 65536


def _matroska(data: mmap) -> Header | None:
    for video in _elements(data, *_segment(data), TRACKS, TRACK, 0xE0):
        tags = [
            next((int.from_bytes(data[slice(*at)], "big") for at in found), 2)
            for found in (
                _elements(data, *video, 0x55B0, kind) for kind in (0x55B1, 0x55BB, 0x55BA)
            )
        ]
        yaw, roll = (
            next((_real(data[slice(*at)]) for at in _elements(data, *video, 0x7670, kind)), 0.0)
            for kind in (0x7673, 0x7675)
        )
        mirror = -1 if abs(yaw) == 180 else 1  # degrees
        cos, sin = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
        return Header(np.array([[mirror * cos, -mirror * sin], [sin, cos]]), *tags)
    return None


def _real(content: bytes) -> float:
    return float(struct.unpack(">d" if len(content) == 8 else ">f", content)[0])


def _segment(data: mmap) -> tuple[int, int]:
    _, _, at = _element(data, 0, len(data))
    _, begin, end = _element(data, at, len(data))
    return begin, min(end, len(data))


def _elements(data: mmap, at: int, end: int, kind: int, *inner: int) -> Iterator[tuple[int, int]]:
    """Where the contents of the elements of this kind, or of those within, begin and end."""
    while at < end:
        found, begin, at = _element(data, at, end)
        if found == kind:
            yield from _elements(data, begin, at, *inner) if inner else [(begin, at)]


def _element(data: mmap, at: int, end: int) -> tuple[int, int, int]:
    """Its kind, and where its content begins and ends: at `end`, if it doesn't say."""
    lengths = []
    for place in (at, at + 9 - data[at].bit_length()):
        lengths.append(9 - data[place].bit_length())
    begin = at + sum(lengths)
    kind = int.from_bytes(data[at : at + lengths[0]], "big")
    size = int.from_bytes(data[begin - lengths[1] : begin], "big") & (
        unknown := (1 << 7 * lengths[1]) - 1
    )
    return kind, begin, end if size == unknown else begin + size


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
            size = end - begin
            void = (
                bytes([0xEC, 0x80 + size - 2])
                if size < 9
                else b"\xec\1" + (size - 9).to_bytes(7, "big")
            )
            data[begin : begin + len(void)] = void
            count += 1
    return (data, count) if count else None


def is_cut_matroska(path: AnyPath) -> bool | None:
    """Whether a Matroska file is shorter than it says; None of other files."""
    with _map(path) as data, suppress(IndexError):
        if data[:4] != EBML:
            return None
        _, _, begin = _element(data, 0, len(data))
        return _element(data, begin, len(data))[2] > len(data)
    return True


def _breaks(data: mmap) -> Iterator[tuple[int, int]]:
    """Where elements are broken, and where the next whole one begins."""
    at, last = _segment(data)
    known, end = TOP, last
    while at < last:
        if at == end:
            known, end = TOP, last
        kind, begin, stop = _element(data, at, end)
        if kind == CLUSTER:
            known, end, at = IN_CLUSTER, min(stop, last), begin
        elif kind in known and stop <= end:
            at = stop
        else:
            again = _resume(data, at + 2, end, known)
            if at + 1 < again < last:
                yield at, again
            at = again


def _resume(data: mmap, at: int, end: int, known: set[int]) -> int:
    """Where the next whole elements begin, or `end`."""
    pattern = rb"\x1f\x43\xb6\x75|[\xa3\xa0]" if known is IN_CLUSTER else rb"\x1f\x43\xb6\x75"
    for match in re.compile(pattern).finditer(data, at, end):
        place = match.start()
        for _ in range(PLAUSIBLE):
            kind, _, place = _element(data, place, end)
            if kind == CLUSTER or place == end:
                return match.start()
            if kind not in known or place > end:
                break
        else:
            return match.start()
    return end
