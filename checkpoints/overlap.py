"""How well a checkpoint finds the people of some portraits: what the card's tables state.

    python -m checkpoints.overlap --checkpoint checkpoints/demo.pth --portraits FOLDER

FOLDER holds image/ and alpha/, or image/ and matte/ as PPM-100. A line a portrait and their mean:
IoU of {alpha > 0.5}, MAD, and SAD over the unknown region (a trimap of 30 px) of the coarse and of
the refined alpha.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from engine.protocol import predict_at
from models import MattingModel, load_model, prepare
from utils.area import parse_area
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.images import pair_by_stem, read_alpha, read_photo
from utils.metrics import measure
from utils.tables import Table
from utils.trimap import trimap_from_alpha

ELLIPSE = 30  # px, as for PPM-100 and PhotoMatte85 (the paper's protocol)


def overlap(pred: np.ndarray, true: np.ndarray) -> float:
    """IoU of {alpha > 0.5}: 0 to 1, and 1 where both are empty. Two of (H, W) in [0, 1]."""
    a, b = pred > 0.5, true > 0.5
    either = (a | b).sum()
    return float((a & b).sum() / either) if either else 1.0


def score(
    model: MattingModel, photo: np.ndarray, alpha: np.ndarray, area: int | None
) -> list[float]:
    """IoU, MAD, and SAD_TRIMAP of coarse and refined alpha; `alpha` (H, W) uint8 is the truth."""
    result = predict_at(model, photo, protocol="pad", max_area=area)
    trimap = trimap_from_alpha(alpha, ELLIPSE)
    refined = measure(result.alpha, alpha, trimap)
    coarse = measure(result.coarse_alpha, alpha, trimap)
    found = overlap(result.alpha, alpha / np.float32(255))
    return [found, refined["MAD"], coarse["SAD_TRIMAP"], refined["SAD_TRIMAP"]]


def main() -> None:
    parser = OneSentenceParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="a .pth")
    parser.add_argument("--portraits", type=Path, required=True, help="folder to measure on")
    parser.add_argument("--max_area", help="HD, 4K, none or pixels (as the checkpoint asks)")
    args = parser.parse_args()
    model = prepare(load_model(args.checkpoint), "fp32")
    area = parse_area(args.max_area) if args.max_area else model.max_area
    truth = next((n for n in ("alpha", "matte") if (args.portraits / n).is_dir()), "alpha")
    pairs = pair_by_stem({"image": args.portraits / "image", "alpha": args.portraits / truth})
    scores = {
        name: score(model, read_photo(paths["image"]), read_alpha(paths["alpha"]), area)
        for name, paths in pairs.items()
    }
    scores["mean"] = np.mean(list(scores.values()), axis=0).tolist()
    rows = [[name, *(f"{value:.3f}" for value in values)] for name, values in scores.items()]
    header = ["portrait", "IoU", "MAD", "SAD_TRIMAP coarse", "refined"]
    print(Table(f"{args.checkpoint} on {args.portraits}", header, rows).render("text"))


if __name__ == "__main__":
    run_script(main)
