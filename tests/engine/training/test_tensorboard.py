"""What a run shows in TensorBoard."""

from contextlib import closing

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.distributed import Processes
from engine.training.step import Step
from engine.training.tensorboard import Watch, draw_panel
from models.coarse import CoarseOutput
from models.matting import MattingOutput

ALONE = Processes(0, 1, torch.device("cpu"))


def made_step(number=0):
    """A step of two samples of 128x128 with two refined cells."""
    random = torch.Generator().manual_seed(number)
    image, foreground = (torch.rand(2, 3, 128, 128, generator=random) for _ in range(2))
    alpha = torch.rand(2, 1, 128, 128, generator=random)
    coarse = CoarseOutput(
        [torch.zeros(2, 1, 16, 16)] * 3,
        [torch.randn(2, 3, 16, 16, generator=random)] * 3,
    )
    cells = torch.tensor([[0, 1, 2], [1, 15, 15]])
    return Step(
        losses={"alpha": torch.tensor(1.0 + number), "total": torch.tensor(3.0 + number)},
        gradient_norm=2.0 + 2 * number,
        rate=1e-3,
        refined=0.25 * number,
        batch={"image": image, "alpha": alpha, "foreground": foreground},
        output=MattingOutput(alpha, coarse, cells),
    )


@pytest.fixture
def events(tmp_path):
    with closing(Watch(tmp_path, 0, 2, {"lr": 1e-3, "train_dir": "here"})) as watch:
        for number in range(3):
            watch.add(made_step(number), waited=0.1, elapsed=0.5)
        bar = watch.write(3, ALONE)
        watch.panel(3, made_step())
    assert bar == {"loss": "4.0000", "wait": "20%", "img/s": "4.0"}
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    return events


def test_every_curve_is_the_mean_over_the_interval(events):
    found = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    assert found == pytest.approx(
        {
            "loss/alpha": 2.0,
            "loss/total": 4.0,
            "train/learning_rate": 1e-3,
            "train/gradient_norm": 4.0,
            "train/refined_cells": 0.25,
            "speed/samples_per_second": 4.0,
            "speed/step_seconds": 0.5,
            "speed/data_wait_share": 0.2,
        }
    )
    assert {e.step for tag in found for e in events.Scalars(tag)} == {3}


def test_the_values_of_the_run_are_written_as_text(events):
    [text] = events.Tensors("arguments/text_summary")
    words = text.tensor_proto.string_val[0].decode()
    assert "| lr | 0.001 |" in words
    assert "| train_dir | here |" in words


def test_a_panel_shows_eight_pictures_a_sample(events):
    assert [image.step for image in events.Images("panel")] == [3]
    step = made_step()
    panel = draw_panel(step)
    assert panel.shape == (3, 2 * 128, 8 * 128)
    columns = panel.unflatten(1, (2, 128)).unflatten(3, (8, 128)).permute(3, 1, 0, 2, 4)
    batch = step.batch
    expected = {0: batch["image"], 1: batch["alpha"], 2: 0.5, 5: batch["alpha"], 6: 0.0}
    for column, values in expected.items():
        difference = (columns[column] - values).abs().max()
        assert difference < 1e-6, column
    cells = columns[4][:, 0]
    assert cells.sum() == 2 * 64
    assert cells[0, 8:16, 16:24].all() and cells[1, 120:, 120:].all()
    assert set(np.unique(columns[3])) == {0.0, 0.5, 1.0}
    green = torch.tensor([0.0, 0.6, 0.2]).view(3, 1, 1)
    composite = batch["alpha"] * batch["foreground"] + (1 - batch["alpha"]) * green
    torch.testing.assert_close(columns[7], composite, atol=1e-6, rtol=0)
