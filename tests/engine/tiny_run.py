"""train.py with a tiny network, to be run as a script; LAUNCH=N in N processes, on the CPU."""

import os

import train
from engine.distributed import launch, under_torchrun
from models import CONFIGS, MattingConfig
from utils.errors import run_script

TINY = MattingConfig(
    embed_dim=8,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    decoder_widths=(8, 8, 8),
    attention_width=16,
    attention_heads=2,
)


def command(data_root, train_dir, **options) -> list[str]:
    """A command line with small values; options replace or add to them."""
    values = {
        "gpus": [], "model_version": "tiny", "data_root": data_root, "train_dir": train_dir,
        "crop_size": 128, "batch_size": 2, "max_steps": 6, "save_every": 3, "num_workers": 0,
        "log_every": 1, "val_every": 0, "panel_every": 0, "no_pretrained": True, "lr": 1e-3,
    }  # fmt: skip
    words = []
    for name, value in (values | options).items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None:
            words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return words


if __name__ == "__main__":
    CONFIGS["tiny"] = TINY
    count = int(os.environ.get("LAUNCH", "0"))
    run_script(train.main if under_torchrun() or not count else lambda: launch(range(count)))
