"""What minutes of training on drawn portraits change: refined SAD over the unknown region.

    python -m benchmarks.bench_learning
    python -m benchmarks.bench_learning --precision bf16    faster on CPUs with AVX512-BF16
    python -m benchmarks.bench_learning --optimizer muon --lr 3e-3

Draws busts before a screen in a temporary folder, trains `demo` on them from random weights, and
compares the held-out portraits' SAD_TRIMAP after the first 50 steps with that at the end. Target:
on two CPU cores, within 15 minutes, below a third; and the learned position bias is not zero.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from DemoData.generate import generate
from models import load_model
from models.checkpoint import latest_checkpoint
from models.inference import PRECISIONS
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.parallel import count_cores

FIRST = 50  # steps


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--steps", type=int, default=3400)
    parser.add_argument("--portraits", type=int, default=1600, help="drawn to train on")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--optimizer", choices=("adam", "muon"), default="adam")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--keep", type=Path, help="folder for data and run, else a passing one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = args.keep or Path(passing)
        begin = time.perf_counter()
        draw(folder / "data", args.portraits)
        train(folder, args)
        report(folder / "run", time.perf_counter() - begin)


def draw(data: Path, portraits: int) -> None:
    """Busts alone before a screen, so many to train on and 12 held out."""
    generate(
        data,
        num_train=portraits,
        num_test=12,
        size=256,
        seed=0,
        num_workers=count_cores(),
        kinds=["bust"],
        alone=True,
        backdrops=["screen"],
    )


def train(folder: Path, args: argparse.Namespace) -> None:
    """Run train.py on what was drawn."""
    options = f"""
        --gpus --model_version demo --crop_size 256 --batch_size 8 --schedule cosine
        --optimizer {args.optimizer} --lr {args.lr} --precision {args.precision}
        --schedule_steps {args.steps} --max_steps {args.steps} --warmup_steps 200 --clip 1
        --scale 0.9 1.2 --replace_share 0 --refined_share 0.08 --keep_data --num_workers 0
        --loss_weights coarse_alpha_8=2 coarse_trimap_8=3 composite=0
        --val_every {FIRST} --val_images 12 --panel_every 0
    """
    places = ["--data_root", str(folder / "data"), "--train_dir", str(folder / "run")]
    subprocess.run([sys.executable, "train.py", *places, *options.split()], check=True)


def report(run: Path, seconds: float) -> None:
    """Print the two values, their ratio and the position bias."""
    events = EventAccumulator(str(run / "logger"))
    events.Reload()
    curve = {e.step: e.value for e in events.Scalars("validation/SAD_TRIMAP")}
    first, last = curve[FIRST], curve[max(curve)]
    model = load_model(latest_checkpoint(run))
    assert model.refinement_network is not None
    assert model.refinement_network.attention is not None
    bias = model.refinement_network.attention.position_bias.abs().max().item()
    print(f"SAD_TRIMAP after {FIRST} steps {first:.3f}, after {max(curve)} {last:.3f}:")
    print(f"{last / first:.3f} of it, in {seconds / 60:.1f} minutes, drawing included")
    print(f"largest position bias {bias:.3f} (0 at the start)")


if __name__ == "__main__":
    run_script(main)
