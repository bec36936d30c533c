"""Write a checkpoint's network as ONNX, and compare it with PyTorch.

    python export_onnx.py --checkpoint train_root/mine/logger/0000100000.pth --output mine.onnx

Height, width (multiples of the network's stride, 32 or 128), batch and number of regions are free.
`predict.py --checkpoint mine.onnx` runs it.
"""

import argparse
from pathlib import Path

from engine.export.export import export
from engine.prediction.predictors import describe
from models.checkpoint import DEFAULT_CHECKPOINT, model_from_checkpoint, read_checkpoint
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.files import keep_existing


def parse_args() -> argparse.Namespace:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="a .pth")
    parser.add_argument("--output", type=Path, required=True, help="an .onnx file")
    parser.add_argument("--overwrite", action="store_true", help="replace --output if it is there")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    keep_existing(args.output, args.overwrite)
    checkpoint = read_checkpoint(args.checkpoint)
    model = model_from_checkpoint(checkpoint, args.checkpoint)
    about = describe(args.checkpoint, checkpoint, model.config)
    print(f"{about}\ntracing it takes about a minute")
    for size, batch, cells, difference in export(model, args.output, about):
        what = f"batch {batch} of {size[0]}x{size[1]}, {cells} regions"
        print(f"{what}: largest difference from PyTorch {difference:.1e}")
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_script(main)
