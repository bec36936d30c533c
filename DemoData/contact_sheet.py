"""Many portraits and their alphas on one sheet, to be looked at.

python -m DemoData.contact_sheet --root ./Datasets-demo --output demo_data.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from DemoData.layouts import TRAIN
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, run_script
from utils.files import AnyPath
from utils.images import pair_by_stem, read_alpha, read_photo, write_image

GAP = 4  # px between pictures


def contact_sheet(root: AnyPath, *, columns: int, rows: int, side: int) -> np.ndarray:
    """The first portraits for training, photo and alpha side by side; (H, W, 3) uint8.

    Raises:
        MissingError, InputError: if there are none, or a file can't be read.
    """
    photo, mask = (Path(root, TRAIN.folder, folder) for folder, _, _ in TRAIN.layers[:2])
    pairs = list(pair_by_stem({"image": photo, "alpha": mask}).values())[: columns * rows]
    rows = -(-len(pairs) // columns)
    height, width = rows * (side + GAP) - GAP, columns * (2 * side + GAP) - GAP
    sheet = np.full((height, width, 3), 255, np.uint8)
    for index, paths in enumerate(pairs):
        top = index // columns * (side + GAP)
        left = index % columns * (2 * side + GAP)
        alpha = cv2.cvtColor(read_alpha(paths["alpha"]), cv2.COLOR_GRAY2RGB)
        for place, image in enumerate((read_photo(paths["image"]), alpha)):
            small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
            start = left + place * side
            sheet[top : top + side, start : start + side] = small
    return sheet


def parse_args() -> argparse.Namespace:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--root", type=Path, default=Path("Datasets-demo"), help="a drawn folder")
    parser.add_argument("--output", type=Path, default=Path("demo_data.jpg"), help=".jpg or .png")
    parser.add_argument("--columns", type=number(int, 1), default=4, help="pairs beside each other")
    parser.add_argument("--rows", type=number(int, 1), default=6, help="at most so many")
    parser.add_argument("--side", type=number(int, 1), default=170, help="of a picture, pixels")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.output.exists():
        raise InputError(f"{args.output} exists already: delete it or give another --output")
    write_image(
        args.output,
        contact_sheet(args.root, columns=args.columns, rows=args.rows, side=args.side),
    )
    print(f"look at {args.output}")


if __name__ == "__main__":
    run_script(main)
