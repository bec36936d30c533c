"""Training: samples per second and how much of a step is spent waiting for data.

    python -m benchmarks.bench_train
    python -m benchmarks.bench_train --model_version model --crop_size 896 --batch_size 8

Trains on portraits drawn for the purpose, in a temporary folder. Targets: on two CPU cores `demo`
(the default there) at 384x384 at least 10 samples/s; on a data-centre GPU with 16 CPU cores
`model` (the default there) at 896x896, batch 8, data-wait under 5 % of the step. A fresh network
refines up to a quarter of all cells; --init with a trained one shows the share of later steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from DemoData.generate import generate
from engine.distributed import join, seed_run
from engine.profiling.measuring import synchronise
from engine.training.arguments import parse_arguments
from engine.training.data import make_batches, open_training_set
from engine.training.optimisation import make_network, make_state, set_training
from engine.training.step import train_step
from engine.training.verdict import check
from models.checkpoint import load_model
from models.config import CONFIGS
from models.matting import build_model
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.memory import keep_freed_memory
from utils.parallel import count_cores


def main() -> None:
    on_gpu = torch.cuda.is_available()
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--model_version", choices=CONFIGS, default="model" if on_gpu else "demo")
    parser.add_argument("--crop_size", type=int, default=896 if on_gpu else 384)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--init", type=Path, help="begin with this checkpoint")
    parser.add_argument("--portraits", type=int, default=24, help="drawn for the purpose")
    parser.add_argument("--warm_up", type=int, default=5, help="steps before the clock starts")
    parser.add_argument("--steps", type=int, default=30)
    keep_freed_memory()
    args, further = parser.parse_known_args()  # e.g. --precision, --compile, --num_workers
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        generate(
            root / "data",
            num_train=args.portraits,
            num_test=0,
            size=args.crop_size * 5 // 4,
            seed=0,
            num_workers=count_cores(),
        )
        words = ["--train_dir", folder, "--data_root", str(root / "data"), "--no_pretrained"]
        words += ["--model_version", args.model_version, "--crop_size", str(args.crop_size)]
        words += ["--batch_size", str(args.batch_size)]
        words += ["--max_steps", str(args.warm_up + args.steps), *further]
        measure(args, parse_arguments("", words))


def measure(args: argparse.Namespace, settings: dict) -> None:
    """Run the steps and print what they took."""
    with join(settings["gpus"] if torch.cuda.is_available() else []) as processes:
        device = processes.device
        seed_run(0, device)
        model = load_model(args.init) if args.init else build_model(CONFIGS[args.model_version])
        model.refined_share = settings["refined_share"]
        model.to(device).to(memory_format=torch.channels_last)
        state = make_state(model, settings, device)
        set_training(model, settings)
        network = make_network(model, settings, processes)
        batches = make_batches(open_training_set(settings), settings, processes, 0)
        waited, refined, pending = 0.0, 0.0, None
        for number in range(settings["max_steps"]):
            if number == args.warm_up:
                synchronise(device)
                start, waited, refined = time.perf_counter(), 0.0, 0.0
            begin = time.perf_counter()
            parts = [next(batches) for _ in range(settings["accumulate"])]
            waited += time.perf_counter() - begin
            step = train_step(state, network, parts, settings, processes)
            check(pending, processes)
            pending = step.verdict
            refined += step.refined
        synchronise(device)
        elapsed = time.perf_counter() - start
        print(
            f"{args.model_version} at {args.crop_size}x{args.crop_size}, batch {args.batch_size},"
            f" {device}, {count_cores()} cores:"
            f" {args.batch_size * args.steps / elapsed:.1f} samples/s,"
            f" {1000 * elapsed / args.steps:.0f} ms a step, data-wait {waited / elapsed:.1%},"
            f" {refined / args.steps:.1%} of the cells refined"
        )
        if device.type == "cuda":
            print(f"peak GPU memory {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB")


if __name__ == "__main__":
    run_script(main)
