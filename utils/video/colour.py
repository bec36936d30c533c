"""Colours of videos: which matrix made them, and HDR and wide gamuts brought to BT.709.

Numbers of matrices, primaries and transfers are those of ITU-T H.273, as FFmpeg has them.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

BT709, UNKNOWN, RESERVED = 1, 2, (0, 3)
BT2020, DISPLAY_P3, PQ, HLG = 9, 12, 16, 18
NAMES = {BT2020: "BT.2020", DISPLAY_P3: "Display P3", PQ: "PQ", HLG: "HLG"}
WHITE, PEAK = 203.0, 1000.0  # cd/m2: diffuse white and the brightest of HDR (ITU-R BT.2408)
GAMMA = 2.4  # of SDR displays (ITU-R BT.1886)
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue
# Linear RGB to BT.709's; rows add up to 1, so that white stays white (ITU-R BT.2087 the first).
TO_BT709 = {
    BT2020: [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    DISPLAY_P3: [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]],
}


def matrix_number(matrix: int, primaries: int, height: int, width: int) -> int:
    """Which numbers make RGB of a video's luma and chroma, where the file doesn't say.

    Players go by the primaries, then by the size: above BT.601's 576 lines it is BT.709.
    """
    if matrix not in (UNKNOWN, *RESERVED):
        return matrix
    if primaries in (BT709, BT2020):
        return primaries
    named = primaries not in (UNKNOWN, *RESERVED)
    return BT709 if not named and (width >= 1280 or height > 576) else 5


def _to_ycc(red: float, blue: float) -> np.ndarray:
    """(3, 3): luma and chroma of RGB, by the weights of red and blue in luma."""
    luma = np.array([red, 1 - red - blue, blue])
    return np.array([luma, ([0, 0, 1] - luma) / (2 - 2 * blue), ([1, 0, 0] - luma) / (2 - 2 * red)])


BT601_YCC, BT709_YCC = _to_ycc(0.299, 0.114), _to_ycc(0.2126, 0.0722)
BT601_TO_BT709 = np.linalg.inv(BT709_YCC) @ BT601_YCC  # RGB made by the wrong weights to the right


def shown_by_all(primaries: int, transfer: int) -> bool:
    """Whether every display shows these as they are: neither HDR nor a wide gamut."""
    return primaries not in TO_BT709 and transfer not in (PQ, HLG)


def to_bt709(image: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """Bring HDR or wide-gamut RGB to BT.709 as SDR displays show it.

    Highlights are rolled off by the curve of ITU-R BT.2390 on the largest of a pixel's channels,
    which keeps its hue; what the smaller gamut lacks is clipped.

    Args:
        image: (H, W, 3) uint16 RGB, the whole range.
        primaries, transfer: what the numbers mean; HDR that names no gamut is BT.2020.

    Returns:
        (H, W, 3) uint8.
    """
    light = _light_table(transfer)[image]  # 1 is diffuse white
    if transfer == HLG:
        light *= (WHITE / PEAK * (light @ LUMINANCE))[..., None] ** np.float32(0.2)
    if transfer in (PQ, HLG):
        largest = np.minimum(light.max(-1), PEAK / WHITE)
        knots, gains = _roll_off()
        light *= np.interp(largest, knots, gains).astype(np.float32)[..., None]
    known = primaries if primaries in TO_BT709 else BT2020
    light = cv2.transform(light, np.array(TO_BT709[known], np.float32))
    roots = np.sqrt(np.clip(light, 0, 1))  # a table over roots is fine enough in the shadows
    return _display_table()[np.rint(roots * 65535).astype(np.uint16)]


@cache
def _light_table(transfer: int) -> np.ndarray:
    """(65536,) float32: linear light of a channel; HLG's before its system gamma."""
    v = np.linspace(0, 1, 65536)
    if transfer == PQ:
        light = pq_to_nits(v) / WHITE
    elif transfer == HLG:  # ITU-R BT.2100
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(v <= 0.5, v**2 / 3, (np.exp((v - c) / a) + b) / 12) * PEAK / WHITE
    else:
        light = v**GAMMA
    return light.astype(np.float32)


@cache
def _display_table() -> np.ndarray:
    """(65536,) uint8: what makes an SDR display shine with the square of the index."""
    return np.rint(np.linspace(0, 1, 65536) ** (2 / GAMMA) * 255).astype(np.uint8)


@cache
def _roll_off() -> tuple[np.ndarray, np.ndarray]:
    """Light (1: diffuse white) and what it is multiplied by, so that PEAK becomes 1."""
    light = np.geomspace(1e-4, PEAK / WHITE, 512)
    top = nits_to_pq(PEAK)
    given, most = nits_to_pq(light * WHITE) / top, nits_to_pq(WHITE) / top
    knee = 1.5 * most - 0.5
    t = np.clip((given - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * most
    )
    kept = np.where(given < knee, given, spline)
    return light, pq_to_nits(kept * top) / WHITE / light


def pq_to_nits(v: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: values in [0, 1] to cd/m2."""
    root = np.asarray(v, np.float64) ** (32 / 2523)
    return 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (
        8192 / 1305
    )


def nits_to_pq(light: np.ndarray | float) -> np.ndarray:
    """SMPTE ST 2084: cd/m2 to values in [0, 1]."""
    part = (np.asarray(light, np.float64) / 10_000) ** (1305 / 8192)
    return ((0.8359375 + 18.8515625 * part) / (1 + 18.6875 * part)) ** (2523 / 32)
