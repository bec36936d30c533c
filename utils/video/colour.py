"""Colours of videos: which matrix made them, and HDR and wide gamuts brought to BT.709.

Numbers of matrices, primaries and transfers are those of ITU-T H.273, as FFmpeg has them.
"""

from functools import cache

import cv2
import numpy as np

BT709, UNNAMED = 1, (0, 2, 3)
BT2020, DISPLAY_P3, PQ, HLG = 9, 12, 16, 18
NAMES = {BT2020: "BT.2020", DISPLAY_P3: "Display P3", PQ: "PQ", HLG: "HLG"}
WHITE = 203.0  # cd/m2: HDR's diffuse white, which is 1 below (ITU-R BT.2408)
PEAK = 1000 / WHITE  # the brightest of HDR
KNEE = 0.45  # what is brighter is rolled off
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
    if matrix not in UNNAMED:
        return matrix
    if primaries in (BT709, BT2020):
        return primaries
    return BT709 if primaries in UNNAMED and (width >= 1280 or height > 576) else 5


def shown_by_all(primaries: int, transfer: int) -> bool:
    """Whether every display shows these as they are: neither HDR nor a wide gamut."""
    return primaries not in TO_BT709 and transfer not in (PQ, HLG)


def to_bt709(image: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """Bring HDR or wide-gamut RGB to BT.709 as SDR displays show it.

    Highlights are rolled off by the largest of a pixel's channels, which keeps its hue; what the
    smaller gamut lacks is clipped.

    Args:
        image: (H, W, 3) uint16 RGB, the whole range.
        primaries, transfer: what the numbers mean; HDR that names no gamut is BT.2020.

    Returns:
        (H, W, 3) uint8.
    """
    light = _light_table(transfer)[image]  # 1 is diffuse white
    if transfer == HLG:
        light *= (light @ LUMINANCE / PEAK)[..., None] ** np.float32(0.2)
    if transfer in (PQ, HLG):  # a hyperbola that leaves KNEE at slope 1 and brings PEAK to 1
        largest = np.clip(light.max(-1), KNEE, PEAK)
        above = largest - KNEE
        shown = KNEE + above / (1 + above * (1 / (1 - KNEE) - 1 / (PEAK - KNEE)))
        light *= (shown / largest)[..., None]
    known = primaries if primaries in TO_BT709 else BT2020
    light = cv2.transform(light, np.array(TO_BT709[known], np.float32))
    return np.rint(cv2.pow(light.clip(0, 1), 1 / GAMMA) * 255).astype(np.uint8)


@cache
def _light_table(transfer: int) -> np.ndarray:
    """(65536,) float32: linear light of a channel; HLG's before its system gamma."""
    v = np.linspace(0, 1, 65536)
    if transfer == PQ:  # SMPTE ST 2084
        root = v ** (32 / 2523)
        part = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        light = 10_000 / WHITE * part ** (8192 / 1305)
    elif transfer == HLG:  # ITU-R BT.2100
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = PEAK * np.where(v <= 0.5, v**2 / 3, (np.exp((v - c) / a) + b) / 12)
    else:
        light = v**GAMMA
    return light.astype(np.float32)
