"""Photos side by side with what a checkpoint makes of them.

    python -m engine.contact_sheet --checkpoint train_root/demo --data_root Datasets-demo \
        --output sheet.png

A row a portrait of P3M-500-NP: photo, truth, coarse alpha, refined alpha, and the person before
green. --checkpoint is a .pth or a run folder.
"""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from data.folders import Sample
from models import load_model, prepare
from models.checkpoint import latest_checkpoint
from models.inference import predict
from P3MData.data_loader import P3MDataset
from utils.arguments import OneSentenceParser, number
from utils.composition import composite
from utils.errors import run_script
from utils.files import AnyPath, keep_existing
from utils.foreground import solve_fg_bg
from utils.images import to_integers, write_image

TITLES = ("photo", "truth", "coarse alpha", "refined alpha", "composite")
GREEN = (0, 177, 64)
SIDE = 260  # px, of a picture
HEADER = 24  # px, above the pictures


def draw_sheet(rows: Iterable[list[np.ndarray]]) -> np.ndarray:
    """Pictures of any size, grey or RGB uint8, in a grid of squares under TITLES: RGB uint8."""
    header = np.full((HEADER, len(TITLES) * SIDE, 3), 255, np.uint8)
    for column, title in enumerate(TITLES):
        place = (column * SIDE + 6, HEADER - 7)
        cv2.putText(header, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([header, *(np.hstack([*map(_square, row)]) for row in rows)])


def _square(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture).convert("RGB")
    return np.asarray(ImageOps.pad(image, (SIDE, SIDE), color="white"))


def make_rows(model_path: AnyPath, samples: Iterable[Sample]) -> Iterable[list[np.ndarray]]:
    """The five pictures of each sample."""
    model = prepare(load_model(model_path))
    for sample in samples:
        assert sample.alpha is not None
        prediction = predict(model, sample.image, max_area=model.max_area)
        photo = sample.as_srgb()
        foreground, _ = solve_fg_bg(photo / np.float32(255), prediction.alpha)
        alpha = to_integers(prediction.alpha)
        green = np.broadcast_to(np.array(GREEN, np.uint8), photo.shape)
        yield [
            photo,
            sample.alpha,
            to_integers(prediction.coarse_alpha),
            alpha,
            composite(to_integers(foreground), green, alpha),
        ]


def main() -> None:
    parser = OneSentenceParser(__doc__)
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, help=".pth, or a run folder: its latest")
    add("--data_root", type=Path, default=Path("Datasets"), help="folder that holds P3M-10K")
    add("--rows", type=number(int, 1), default=6, help="how many portraits")
    add("--output", type=Path, required=True, help="the sheet: .png or .jpg")
    add("--overwrite", action="store_true", help="replace a sheet that is there")
    args = parser.parse_args()
    keep_existing(args.output, args.overwrite)
    path = latest_checkpoint(args.checkpoint) if args.checkpoint.is_dir() else args.checkpoint
    samples = islice(P3MDataset(args.data_root, "P3M-500-NP"), args.rows)
    write_image(args.output, draw_sheet(make_rows(path, samples)))


if __name__ == "__main__":
    run_script(main)
