"""Matroska and WebM files that are broken between their packets, made readable behind the break.

They are elements within elements (RFC 8794 and 9559).
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from mmap import ACCESS_COPY, mmap
from pathlib import Path

from utils.files import AnyPath

EBML, CLUSTER = b"\x1a\x45\xdf\xa3", b"\x1f\x43\xb6\x75"
KINDS = "a3 a0 e7 ab a7 5854 af ec bf"  # what stands in a cluster, and beside it
KINDS += " 114d9b74 1549a966 1254c367 1c53bb6b 1654ae6b 1941a469 1043a770"
KNOWN = set(map(bytes.fromhex, KINDS.split()))
RESUMED = re.compile(CLUSTER + rb"|[\xa3\xa0]")  # what reading can go on with behind a break
PLAUSIBLE = 3  # elements in a row after a break, by which the next whole one is known


def mend_matroska(path: AnyPath) -> tuple[mmap, int] | None:
    """A Matroska file in which what is broken between its packets is marked to be passed over.

    FFmpeg leaves out all that follows a broken packet, up to the next cluster, whichever track it
    is of. The file itself, which must not be empty, stays as it is.

    Returns:
        The content and in how many places it was mended; None if it is whole or no Matroska.
    """
    data, count = _content(path), 0
    with suppress(IndexError):  # cut off within the last
        for begin, end in _breaks(data) if data[:4] == EBML else ():
            data[begin : begin + 9] = b"\xec\1" + (end - begin - 9).to_bytes(7, "big")  # a gap
            count += 1
    return (data, count) if count else None


def is_cut_matroska(path: AnyPath) -> bool:
    """Whether a Matroska file, whose header is whole, is shorter than that says."""
    data = _content(path)
    return data[:4] == EBML and _element(data, _element(data, 0)[2])[2] > len(data)


def _content(path: AnyPath) -> mmap:
    with Path(path).open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_COPY)


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


def _element(data: mmap, at: int) -> tuple[bytes, int, int]:
    """Its kind, and where its content begins and ends: with the data, if it doesn't say."""
    middle = at + 9 - data[at].bit_length()
    begin = middle + 9 - data[middle].bit_length()
    unknown = (1 << 7 * (begin - middle)) - 1
    size = int.from_bytes(data[middle:begin], "big") & unknown
    return data[at:middle], begin, len(data) if size == unknown else begin + size
