"""Copy portraits at a smaller size, so that reading them doesn't hold training up.

    python -m checkpoints.shrink --portraits FOLDER --side 400 --output SMALL

FOLDER and SMALL hold image/ and alpha/; SMALL gets fg/ and bg/, too, the estimated layers. What is
there already is kept.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from data.folders import read_layers
from data.portraits import PortraitDataset, Split
from utils.arguments import OneSentenceParser, number
from utils.errors import run_script
from utils.images import resize_antialiased, write_image
from utils.parallel import map_files


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--portraits", type=Path, required=True, help="folder to read")
    parser.add_argument("--split", metavar="FILE.csv:PART", help="those of them in this part alone")
    parser.add_argument("--side", type=number(int, 1), required=True, help="shorter, in pixels")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    dataset = PortraitDataset(args.portraits, Split.read(args.split) if args.split else None)
    shrink = partial(_shrink, side=args.side, output=args.output)
    list(map_files(shrink, list(dataset.paths.items()), title="photos"))
    PortraitDataset(args.output).solve()
    print(f"{args.output}: {len(dataset)} portraits, shorter side at most {args.side} pixels")


def _shrink(portrait: tuple[str, Mapping[str, Path]], side: int, output: Path) -> None:
    """Write image/NAME.png and alpha/NAME.png below `output`, unless both are there."""
    name, paths = portrait
    targets = {layer: output / layer / f"{name}.png" for layer in ("image", "alpha")}
    if all(path.exists() for path in targets.values()):
        return
    for layer, picture in read_layers({layer: paths[layer] for layer in targets}).items():
        H, W = picture.shape[:2]
        scale = min(1.0, side / min(H, W))
        size = (max(1, round(H * scale)), max(1, round(W * scale)))
        small = np.rint(resize_antialiased(picture, size)).clip(0, 255).astype(np.uint8)
        write_image(targets[layer], small)


if __name__ == "__main__":
    run_script(main)
