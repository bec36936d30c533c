"""Time and size of the report page of 500 images, on two processes.

python benchmarks/bench_report.py --photos DIR     # DIR/image/NAME.jpg, DIR/alpha/NAME.png
python benchmarks/bench_report.py                  # drawn portraits
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from DemoData.portrait import draw_portrait
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.images import pair_by_stem, read_alpha, read_photo, write_image
from utils.metrics import COLUMNS
from utils.parallel import map_files
from utils.results.page import write_report
from utils.results.rows import Row
from utils.results.thumbnails import make_thumbnails


def list_pairs(photos: Path | None, folder: Path) -> list[dict[str, Path]]:
    """Files of a few photos with their alphas; drawn into `folder` where none are given."""
    if photos is None:
        for i in range(5):
            portrait = draw_portrait(np.random.default_rng(i), 1080)
            write_image(folder / "image" / f"{i}.jpg", portrait.image)
            write_image(folder / "alpha" / f"{i}.png", portrait.alpha)
        photos = folder
    pairs = pair_by_stem({"image": photos / "image", "alpha": photos / "alpha"})
    return list(pairs.values())


def make_row(index: int, pairs: list[dict[str, Path]]) -> Row:
    """A result that is a little wrong, and another one for every index."""
    pair = pairs[index % len(pairs)]
    image, true = read_photo(pair["image"]), read_alpha(pair["alpha"])
    pred = np.roll(true, index % 9 - 4, axis=1)
    extra = make_thumbnails(image, true, pred)
    return Row(f"image{index:03}", dict.fromkeys(COLUMNS, float(index)), extra=extra)


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--images", type=int, default=500)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = partial(make_row, pairs=list_pairs(args.photos, folder))
        start = time.perf_counter()
        rows = list(map_files(work, range(args.images), num_workers=2, title="pictures"))
        made = time.perf_counter()
        write_report(folder / "report.html", "benchmark", rows, {})
        written = time.perf_counter()
        size = (folder / "report.html").stat().st_size
    print(
        f"{args.images} images: {size / 1e6:.1f} MB; reading and pictures {made - start:.0f} s, "
        f"page {written - made:.1f} s"
    )


if __name__ == "__main__":
    run_script(main)
