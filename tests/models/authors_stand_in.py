"""A stand-in for the authors' checkpoint: their entries' names and shapes, filled from a seed.

The same seed gives the same weights on every machine, so what their code computes from them can be
kept in a small file (authors_expected.npz) and no weights need to be.
"""

import csv
import math
import zlib
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent


def values(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    draw = rng.standard_normal(shape, dtype=np.float32)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        return 1.0 + 0.2 * np.abs(draw)
    if leaf == "running_mean":
        return 0.1 * draw
    if leaf == "rel_pos_bias_table":
        return 0.0 * draw  # the authors read it under no_grad: it starts at zero and never learns
    if leaf == "relative_position_bias_table":
        return 0.2 * draw
    if len(shape) == 1 and (leaf == "weight" or ".weights." in name):
        return 1.0 + 0.1 * draw  # the scale of a norm layer
    if len(shape) == 1:
        return 0.05 * draw  # a bias
    if ".deconv." in name:  # ConvTranspose2d: (in, out, k, k)
        fan_in = shape[0] * math.prod(shape[2:])
    else:
        fan_in = math.prod(shape[1:])
    return draw * math.sqrt(1.5 / fan_in)


def checkpoint(seed: int) -> dict:
    entries = {}
    with open(HERE / "authors_state_dict.tsv", newline="") as file:
        for name, shape in csv.reader(file, delimiter="\t"):
            size = tuple(int(n) for n in shape.split("x") if n)
            if name.endswith("num_batches_tracked"):
                entries[name] = torch.tensor(500000)
            elif name.endswith(("encoder.mean", "encoder.std")):
                rgb = (0.485, 0.456, 0.406) if name.endswith("mean") else (0.229, 0.224, 0.225)
                entries[name] = torch.tensor(rgb).view(1, 3, 1, 1)
            elif name.endswith("relative_position_index"):
                entries[name] = relative_position_index(7)
            else:
                entries[name] = torch.from_numpy(values(name, size, seed))
    return {"mat_model": entries, "discriminator": {}, "global_step": 500000}


def relative_position_index(window: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    coords = torch.stack([y.flatten(), x.flatten()])
    delta = coords[:, :, None] - coords[:, None, :] + window - 1
    return delta[0] * (2 * window - 1) + delta[1]


def image(seed: int, height: int = 896, width: int = 896) -> np.ndarray:
    """(3, H, W) float32 in [0, 1]: smooth waves plus a little noise, the same on every machine."""
    rng = np.random.Generator(np.random.PCG64([seed, 7]))
    y, x = np.mgrid[0:height, 0:width].astype(np.float64) / 896
    planes = []
    for _ in range(3):
        plane = np.zeros((height, width))
        for _ in range(6):
            fy, fx, phase, amp = (
                rng.uniform(-20, 20),
                rng.uniform(-20, 20),
                rng.uniform(0, 6.28),
                rng.uniform(0.2, 1),
            )
            plane += amp * np.sin(fy * y + fx * x + phase)
        plane = 0.5 + plane / 8 + 0.02 * rng.standard_normal((height, width))
        planes.append(np.clip(plane, 0, 1))
    return np.stack(planes).astype(np.float32)


def trimap(height: int = 112, width: int = 112) -> np.ndarray:
    """(3, h, w) float32 one-hot (background, unknown, foreground).

    An ellipse with a band of unknown cells, three lone ones far from it, and one unknown corner.
    """
    y, x = np.mgrid[0:height, 0:width]
    r = np.hypot((x - width / 2 + 0.5) / (0.30 * width), (y - height / 2 + 0.5) / (0.38 * height))
    unknown, inside = np.abs(r - 1) < 0.12, r < 1
    for cy, cx in ((3, 100), (50, 5), (108, 60), (0, 0)):
        unknown[cy, cx] = True
    return np.stack([~inside & ~unknown, unknown, inside & ~unknown]).astype(np.float32)
