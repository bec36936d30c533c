"""Write a run's network as the small file that ships: averaged weights, half precision.

    python -m checkpoints.pack --train_dir train_root/portrait/refinement --output portrait.pth

Prints the file's SHA-256, which checkpoints/README.md states.
"""

from pathlib import Path

from engine.evaluation.provenance import file_hash
from models.checkpoint import latest_checkpoint, load_model, read_checkpoint, save_checkpoint
from utils.arguments import OneSentenceParser, number
from utils.errors import run_script
from utils.files import keep_existing

ABOUT = "checkpoints/README.md says what it was trained on and what it can't do"


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--train_dir", type=Path, required=True, help="the run: its latest weights")
    parser.add_argument("--output", type=Path, required=True, help="a .pth or .safetensors")
    parser.add_argument("--max_area", type=number(int, 1), help="most pixels; else photos shrink")
    parser.add_argument("--overwrite", action="store_true", help="replace --output if it is there")
    args = parser.parse_args()
    keep_existing(args.output, args.overwrite)
    path = latest_checkpoint(args.train_dir)
    step = read_checkpoint(path)["step"]
    model = load_model(path)  # the averaged weights, where the run kept them
    area = {"max_area": args.max_area} if args.max_area else {}
    save_checkpoint(args.output, model.half(), step=step, about=ABOUT, **area)
    print(f"{args.output}: step {step}, {args.output.stat().st_size / 1e6:.1f} MB")
    print(f"sha256 {file_hash(args.output)}")


if __name__ == "__main__":
    run_script(main)
