"""How many portraits a second DemoData draws and writes, all layers of the training set.

python -m benchmarks.bench_demo_data --num_workers 2
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from DemoData.generate import generate
from utils.arguments import OneSentenceParser
from utils.errors import run_script


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--train", type=int, default=128, help="portraits to draw")
    parser.add_argument("--size", type=int, default=768, help="side in pixels")
    parser.add_argument("--num_workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        generate(
            Path(folder) / "data",
            num_train=args.train,
            num_test=0,
            size=args.size,
            seed=0,
            num_workers=args.num_workers,
        )
        seconds = time.perf_counter() - started
    used = sum(
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        f"{args.train} portraits of {args.size}x{args.size}, with fg and bg, and "
        f"{-(-args.train // 4)} scenes in {seconds:.1f} s with {args.num_workers} processes "
        f"(starting them included): {args.train / seconds:.2f} portraits a second, "
        f"{used / args.train:.3f} processor seconds a portrait"
    )


if __name__ == "__main__":
    run_script(main)
