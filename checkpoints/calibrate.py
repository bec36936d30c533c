"""Make a coarse network doubt more cells, and take sides in the others.

    python -m checkpoints.calibrate --checkpoint IN.pth --unknown 2 --slope 1.5 --output OUT.pth

Cross entropy teaches an unsure network to say 0.3 where three cells in ten are foreground, which
costs more mean absolute error than 0 would; and trained with the paper's narrow trimaps it calls
half of a test trimap's unknown region known. Both are changed here without training: the logits of
the coarse alpha at stride 8 are multiplied by --slope, and --unknown is added to those of the
trimap's unknown class. A refinement should be trained on after that.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import torch
from torch import nn

from models import MattingModel
from models.checkpoint import model_from_checkpoint, read_checkpoint, save_checkpoint
from models.regions import UNKNOWN
from utils.arguments import OneSentenceParser, number
from utils.errors import run_script
from utils.files import keep_existing


@torch.no_grad()
def calibrate(model: MattingModel, *, unknown: float, slope: float) -> None:
    """Change the two heads at stride 8 in place.

    Args:
        unknown: added to the logits of the trimap's unknown class.
        slope: factor of the coarse alpha's logits, above 0.
    """
    trimap_head, alpha_head = (
        cast(nn.Conv2d, heads[-1])
        for heads in (model.coarse_network.trimap_heads, model.coarse_network.alpha_heads)
    )
    assert trimap_head.bias is not None and alpha_head.bias is not None
    trimap_head.bias.view(3, -1)[UNKNOWN] += unknown  # a head's channels: (class, dy, dx)
    alpha_head.weight *= slope
    alpha_head.bias *= slope


def main() -> None:
    parser = OneSentenceParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="a .pth")
    parser.add_argument("--unknown", type=number(float, 0), default=0.0, help="added to its logits")
    positive = number(float, 0, excluded=True)
    parser.add_argument("--slope", type=positive, default=1.0, help="factor of the alpha's logits")
    parser.add_argument("--output", type=Path, required=True, help="a .pth")
    parser.add_argument("--overwrite", action="store_true", help="replace --output if it is there")
    args = parser.parse_args()
    keep_existing(args.output, args.overwrite)
    entries = read_checkpoint(args.checkpoint)
    model = model_from_checkpoint(entries, args.checkpoint)  # the averaged weights, if any
    calibrate(model, unknown=args.unknown, slope=args.slope)
    save_checkpoint(args.output, model, step=entries.get("step", 0))
    print(f"{args.output}: unknown {args.unknown:+g}, slope {args.slope:g}")


if __name__ == "__main__":
    run_script(main)
