"""Training: samples per second and how much of a step is spent waiting for data.

    python -m benchmarks.bench_train
    python -m benchmarks.bench_train --crop_size 896 --model_version model --no_pretrained

Draws portraits in a temporary folder, has train.py train on them, and prints the means of what it
wrote for TensorBoard. Further flags are train.py's; without them `demo` sees batches of 8. A fresh
network refines up to a quarter of all cells; --init with a trained one shows later steps.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from DemoData.generate import generate
from utils.arguments import OneSentenceParser, number
from utils.errors import run_script
from utils.parallel import count_cores

INTERVAL = 10  # steps; of the intervals the first warms up and does not count


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--crop_size", type=number(int, 64), default=384)
    args, flags = parser.parse_known_args()
    curves = train_on_drawn(["--log_every", str(INTERVAL), *flags], args.crop_size, 4 * INTERVAL)
    for name, values in curves.items():
        if name.startswith("speed/") or name == "train/refined_cells":
            print(f"{name.partition('/')[2]:20}{values[1:].mean():8.4g}")


def train_on_drawn(flags: Sequence[str], crop_size: int, steps: int) -> dict[str, np.ndarray]:
    """Have train.py train on portraits drawn for the purpose; the curves that it wrote, by name.

    Its further `flags` come after `demo` and batches of 8. CalledProcessError: it failed, and has
    said why.
    """
    with tempfile.TemporaryDirectory() as folder:
        data, run, size = Path(folder, "data"), Path(folder, "run"), crop_size * 5 // 4
        generate(data, num_train=24, num_test=0, size=size, seed=0, num_workers=count_cores())
        options = f"""
            --data_root {data} --train_dir {run} --crop_size {crop_size} --max_steps {steps}
            --val_every 0 --panel_every 0 --model_version demo --batch_size 8
        """
        subprocess.run([sys.executable, "train.py", *options.split(), *flags], check=True)
        events = EventAccumulator(str(run / "logger"), {"scalars": 0})
        events.Reload()
        return {
            name: np.array([event.value for event in events.Scalars(name)])
            for name in events.Tags()["scalars"]
        }


if __name__ == "__main__":
    run_script(main)
