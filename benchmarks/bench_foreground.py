"""Foreground solving: ours against one closed-form solve over the whole photo, side by side.

    python -m benchmarks.bench_foreground --count 3

Drawn portraits of 1080x1080, one process, one thread. Target: the default at least 12 times the
closed form's throughput, and a composite within 1/255 of the photo on average.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial

import numba
import numpy as np
from pymatting import estimate_foreground_cf

from DemoData.portrait import Portrait, draw_portrait
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.foreground import solve_fg_bg

Solver = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def whole_closed_form(image: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """pymatting's, as the paper's authors ran it."""
    return estimate_foreground_cf(
        image.astype(np.float64), alpha.astype(np.float64), return_background=True
    )


SOLVERS: dict[str, Solver] = {
    "ours, ml": partial(solve_fg_bg, method="ml"),
    "ours, cf": partial(solve_fg_bg, method="cf"),
    "whole cf": whole_closed_form,
}


def measure(solve: Solver, portrait: Portrait) -> tuple[float, float, float]:
    """Seconds; mean error of the 8-bit composite and, where visible, of the person's colour."""
    unit = np.float32(1 / 255)
    image, alpha = portrait.image * unit, portrait.alpha * unit
    start = time.perf_counter()
    foreground, background = solve(image, alpha)
    seconds = time.perf_counter() - start
    a = alpha[..., None]
    layers = [np.rint(colours * 255) for colours in (foreground, background)]
    composed = a * layers[0] + (1 - a) * layers[1]
    soft = (alpha > 0.05) & (alpha < 0.95)
    colour = np.abs(layers[0] - portrait.foreground)[soft].mean()
    return seconds, float(np.abs(composed - portrait.image).mean()), float(colour)


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--count", type=int, default=3, help="portraits")
    parser.add_argument("--size", type=int, default=1080, help="side in pixels")
    args = parser.parse_args()
    numba.set_num_threads(1)
    portraits = [draw_portrait(np.random.default_rng([0, i]), args.size) for i in range(args.count)]
    tiny = np.full((32, 32), 0.5, np.float32)
    seconds = {}
    for name, solve in SOLVERS.items():
        solve(np.dstack([tiny] * 3), tiny)  # compiles
        rows = np.array([measure(solve, portrait) for portrait in portraits])
        seconds[name], composite, colour = rows.mean(0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{name}: {seconds[name]:6.2f} s a photo; composite off by {composite:.3f}/255, "
            f"soft foreground by {colour:.1f}/255; memory so far {peak:.2f} GB"
        )
    for name in ("ours, ml", "ours, cf"):
        print(f"{name}: {seconds['whole cf'] / seconds[name]:.1f} times the throughput of whole cf")


if __name__ == "__main__":
    run_script(main)
