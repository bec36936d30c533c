"""One random transform for all the layers of a sample (paper section 4; its V2, and P3M's V1).

A transform is a `Warp` (where each pixel of the crop comes from) and a colour matrix. Both are
linear in the colours, so photo = alpha * foreground + (1 - alpha) * background survives them up to
interpolation, rounding and clipping.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

V1_SIDES = (512, 768, 1024)  # pixels of the photo
V2_SCALE = (0.5, 1.5)  # times the scale at which the photo just covers the crop
V2_ASPECT = (0.7, 1.3)
BEND_POINTS = 5  # control points along a side of the thin plate
BEND_SIGMA = 0.007  # of the crop's side
CELLS = 32  # along a side; the smooth map is computed at their centres and then upsampled


@dataclass(frozen=True)
class Ranges:
    """How far a sample may be changed, to both sides; the defaults are the paper's."""

    rotation: float = 5.0  # degrees
    shear: float = 5.0  # degrees
    shift: float = 0.1  # of the crop's side
    roam: bool = False  # whether an enlarged photo's crop may lie anywhere in it
    brightness: float = 0.2  # this and the next two: share of the whole
    contrast: float = 0.1
    saturation: float = 0.1
    hue: float = 0.1  # of a turn


RANGES = {
    "V1": Ranges(),  # its colours alone
    "V2": Ranges(),
    # For few portraits: crops down to a face, heads tilted, all weathers and white balances.
    "strong": Ranges(20.0, 10.0, 0.1, True, 0.4, 0.4, 0.5, 0.1),
}


@dataclass(frozen=True)
class Warp:
    """Where the pixels of a crop come from."""

    matrix: np.ndarray  # (2, 3) float64; (x, y, 1) of a crop's pixel centre to (x, y) in the photo
    # (BEND_POINTS ** 2, 2) float64, (x, y) displacement of the control points before the matrix, as
    # a share of the crop's side, row by row
    bend: np.ndarray | None = None


def sample_warp(
    rng: np.random.Generator,
    version: str,
    alpha: np.ndarray,
    size: tuple[int, int],
    scale: tuple[float, float] = V2_SCALE,
) -> Warp:
    """Draw the geometry of one sample.

    Args:
        version: "V1" (a square around an unknown pixel, and flip), "V2" (affine, thin plate
            and flip) or "strong" (the same, wider; see RANGES).
        alpha: (H, W) uint8 of the photo.
        size: (height, width) of the crop.
        scale: of V2 and strong, smallest and largest, times the scale at which the photo covers
            the crop.
    """
    if version == "V1":
        matrix, bend = _sample_square(rng, alpha, size), None
    else:
        matrix, bend = _sample_affine(rng, alpha.shape, size, scale, RANGES[version])
    flip = np.array([[-1, 0, size[1] - 1], [0, 1, 0], [0, 0, 1]])
    return Warp((matrix @ (flip if rng.random() < 0.5 else np.eye(3)))[:2], bend)


def _sample_square(
    rng: np.random.Generator, alpha: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    H, W = alpha.shape
    side = min(int(rng.choice(V1_SIDES)), H, W)
    soft = np.flatnonzero((alpha > 0) & (alpha < 255))
    pick = int(soft[rng.integers(len(soft))]) if len(soft) else int(rng.integers(H * W))
    y, x = divmod(pick, W)
    left, top = np.clip((x - side // 2, y - side // 2), 0, (W - side, H - side))
    return _shift(left, top) @ _scaling(side / size[1], side / size[0])


def _sample_affine(
    rng: np.random.Generator,
    photo: tuple[int, ...],
    size: tuple[int, int],
    scales: tuple[float, float],
    ranges: Ranges,
) -> tuple[np.ndarray, np.ndarray]:
    (H, W), (h, w) = photo, size
    zoom = rng.uniform(*scales)
    scale = zoom * max(h / H, w / W)
    aspect = np.sqrt(rng.uniform(*V2_ASPECT))
    turn, shear = np.radians(rng.uniform(-1, 1, 2) * (ranges.rotation, ranges.shear))
    reach = max(ranges.shift, (zoom - 1) / 2) if ranges.roam else ranges.shift
    move = rng.uniform(-reach, reach, 2) * (w, h)
    c, s = np.cos(turn), np.sin(turn)
    outward = (
        _shift(w / 2 + move[0], h / 2 + move[1])
        @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        @ np.array([[1, np.tan(shear), 0], [0, 1, 0], [0, 0, 1]])
        @ np.diag([scale * aspect, scale / aspect, 1])
        @ _shift(-W / 2, -H / 2)
    )
    centres = _shift(-0.5, -0.5) @ np.linalg.inv(outward) @ _shift(0.5, 0.5)
    return centres, rng.normal(0, BEND_SIGMA, (BEND_POINTS**2, 2))


def sample_window(
    rng: np.random.Generator, photo: tuple[int, ...], size: tuple[int, int]
) -> tuple[slice, slice, bool]:
    """Draw a window of the crop's aspect in a scene (H, W): rows, columns, whether mirrored."""
    (H, W), (h, w) = photo, size
    scale = max(h / H, w / W) * rng.uniform(1, V2_SCALE[1])
    left, top = np.round(rng.random(2) * (W - w / scale, H - h / scale)).astype(int).tolist()
    rows = slice(top, top + max(1, round(h / scale)))
    columns = slice(left, left + max(1, round(w / scale)))
    return rows, columns, bool(rng.random() < 0.5)


def cut_window(
    scene: np.ndarray, window: tuple[slice, slice, bool], size: tuple[int, int]
) -> np.ndarray:
    """A window of (H, W, 3) uint8 at the crop's `size`: (h, w, 3) uint8."""
    cut = scene[window[:2]]
    cut = cv2.resize(_shrink(cut, max(1, round(len(cut) / size[0]))), size[::-1])
    return cv2.flip(cut, 1) if window[2] else cut


def apply_warp(
    layers: dict[str, np.ndarray], warp: Warp, size: tuple[int, int], *, alone: bool = False
) -> dict[str, np.ndarray]:
    """Cut the crop out of each layer (H, W[, C]) uint8: {name: (h, w[, C]) uint8}. A foreground
    comes with its alpha.

    Beyond its border the photo goes on mirrored, in all layers alike; but with `alone`, nobody is
    there, as where people are cut out and set before another scene. A photo much finer than the
    crop is shrunk by area first, to at most 1.5 pixels for one, so that hair does not alias.
    """
    H, W = next(iter(layers.values())).shape[:2]
    factor = max(1, min(round(np.sqrt(abs(np.linalg.det(warp.matrix[:, :2])))), H, W))
    matrix = _scaling(1 / factor, 1 / factor) @ np.vstack([warp.matrix, [0, 0, 1]])
    source = source_map(Warp(matrix[:2], warp.bend), size)
    # What lies beyond is added first: looked up for each pixel, it takes twice the time.
    edges = np.vstack([*source[[0, -1]], *source[:, [0, -1]].swapaxes(0, 1)])
    left, top = 2 - np.floor(edges.min(0))
    right, bottom = np.ceil(edges.max(0)) + 3 - (W // factor, H // factor)
    top, bottom, left, right = (max(0, int(margin)) for margin in (top, bottom, left, right))
    # Fixed-point maps once, instead of once a layer.
    places, parts = cv2.convertMaps(source, np.empty(0, np.float32), cv2.CV_16SC2)
    places = cv2.add(places, np.array((left, top, 0, 0), np.float64))

    def prepare(name: str) -> np.ndarray:
        layer = _shrink(layers[name], factor)
        if not any((top, bottom, left, right)):
            return layer
        empty = alone and name == "alpha"
        border = cv2.BORDER_CONSTANT if empty else cv2.BORDER_REFLECT_101
        return cv2.copyMakeBorder(layer, top, bottom, left, right, border)

    ready = {name: prepare(name) for name in layers}
    # Four channels are looked up as fast as three.
    if "foreground" in ready:
        ready["foreground"] = cv2.merge((ready["foreground"], ready.pop("alpha")))
    cut = {n: cv2.remap(layer, places, parts, cv2.INTER_LINEAR) for n, layer in ready.items()}
    if "foreground" in cut:
        cut["alpha"] = cv2.extractChannel(cut["foreground"], 3)
        cut["foreground"] = cv2.cvtColor(cut["foreground"], cv2.COLOR_RGBA2RGB)
    return cut


def _shrink(layer: np.ndarray, factor: int) -> np.ndarray:
    """Average squares of whole pixels, which is fast; what fills none is dropped."""
    h, w = layer.shape[0] // factor, layer.shape[1] // factor
    layer = layer[: h * factor, : w * factor]
    return cv2.resize(layer, (w, h), interpolation=cv2.INTER_AREA) if factor > 1 else layer


def source_map(warp: Warp, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 2) float32: the place (x, y) in the photo of each pixel of a crop of `size`.

    Computed at the centres of CELLS x CELLS cells and interpolated linearly between them, which is
    exact for the affine part and near enough for the bend. Both sides are multiples of CELLS.
    """
    h, w = size
    points = CENTRES * (w, h) - 0.5
    if warp.bend is not None:
        points = points + _bend_basis() @ warp.bend * (w, h)
    source = points @ warp.matrix[:, :2].T + warp.matrix[:, 2]
    coarse = source.reshape(CELLS + 2, CELLS + 2, 2).astype(np.float32)
    rows, columns = h // CELLS, w // CELLS
    edge = (CELLS + 2) * columns, (CELLS + 2) * rows
    fine = cv2.resize(coarse, edge, interpolation=cv2.INTER_LINEAR)
    return fine[rows : rows + h, columns : columns + w]


def _grid(places: np.ndarray) -> np.ndarray:
    """(n * n, 2): (x, y) of all pairs of n places, row by row."""
    return np.stack(np.meshgrid(places, places), axis=2).reshape(-1, 2)


# Of the cells, as shares of the side, one more on each side.
CENTRES = _grid((np.arange(CELLS + 2) - 0.5) / CELLS)


@lru_cache(maxsize=1)
def _bend_basis() -> np.ndarray:
    """(cells, control points): weight of each control point's displacement at each cell.

    A thin-plate spline is linear in the displacements, and its control points never move.
    """
    control = _grid(np.linspace(0, 1, BEND_POINTS))
    n = len(control)
    system = np.zeros((n + 3, n + 3))
    system[:n] = _plate(control, control)
    system[n:, :n] = system[:n, n:].T
    return _plate(CENTRES, control) @ np.linalg.inv(system)[:, :n]


def _plate(points: np.ndarray, control: np.ndarray) -> np.ndarray:
    squared = ((points[:, None] - control[None]) ** 2).sum(2)
    kernel = squared * np.log(np.maximum(squared, 1e-12))
    return np.hstack([kernel, np.ones((len(points), 1)), points])


def sample_colours(
    rng: np.random.Generator, grey_share: float = 0.0, version: str = "V2"
) -> np.ndarray:
    """Draw a colour jitter: (3, 4) float64, for (r, g, b, the photo's mean grey) in 0..255.

    Brightness, contrast (about that grey), saturation and hue within RANGES[version]; the hue turns
    in the YIQ plane rather than in HSV, which keeps all of it one matrix. A share of the samples
    loses all colour.
    """
    ranges = RANGES[version]
    spans = (ranges.brightness, ranges.contrast, ranges.saturation)
    brightness, contrast, saturation = 1 + rng.uniform(-1, 1, 3) * spans
    if grey_share and rng.random() < grey_share:
        saturation = 0.0
    hue = rng.uniform(-ranges.hue, ranges.hue) * 2 * np.pi
    c, s = saturation * np.cos(hue), saturation * np.sin(hue)
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    matrix = contrast * brightness * (np.linalg.inv(YIQ) @ turn @ YIQ)
    return np.hstack([matrix, np.full((3, 1), (1 - contrast) * brightness)])


YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def mean_grey(image: np.ndarray) -> float:
    """Of (H, W, 3) uint8 RGB, in 0..255."""
    return float(YIQ[0] @ np.array(cv2.mean(image)[:3]))


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


def _scaling(x: float, y: float) -> np.ndarray:
    """Scale about the corner, between coordinates that are whole at pixel centres."""
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
