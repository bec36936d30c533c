"""Free functions on regions, against slow and obvious versions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from models.regions import (
    DISC,
    _index_grid,
    crop_regions,
    disc,
    nearest_cells,
    nearest_cells_unrolled,
    paste_regions,
    select_cells,
    select_training_cells,
    upsample_regions,
)


def random_cells(shape, share, seed):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share).nonzero()


def slow_nearest(cells, k):
    """Sort all other cells of the image by (distance, row, column)."""
    cells = cells.tolist()
    result = []
    for i, (b, y, x) in enumerate(cells):
        others = sorted(
            ((y - v) ** 2 + (x - u) ** 2, v, u, j)
            for j, (c, v, u) in enumerate(cells)
            if c == b and j != i
        ) or [(0, y, x, i)]
        first = others[:k]
        result.append([first[slot % len(first)][3] for slot in range(k)])
    return torch.tensor(result, dtype=torch.int64).view(len(cells), k)


@pytest.mark.parametrize(
    ("shape", "share"),
    [
        ((1, 9, 7), 1.0),
        ((2, 20, 31), 0.5),
        ((3, 40, 24), 0.05),
        ((2, 33, 60), 0.004),
        ((3, 24, 40), 0.002),
    ],
)
def test_nearest_cells_agree_with_sorting_all_pairs(shape, share):
    for seed in range(3):
        cells = random_cells(shape, share, seed)
        assert torch.equal(nearest_cells(cells, shape, 8), slow_nearest(cells, 8))


def test_nearest_cells_of_a_crowd_and_lone_ones_far_away():
    grid = torch.zeros(2, 64, 96, dtype=torch.bool)
    grid[0, 20:30, 40:50] = True
    grid[0, 0, 0] = grid[0, 63, 95] = grid[1, 5, 5] = True
    cells = grid.nonzero()
    assert torch.equal(nearest_cells(cells, grid.shape, 8), slow_nearest(cells, 8))


@pytest.mark.parametrize("count", range(12))
def test_few_cells_repeat_their_neighbours(count):
    order = torch.randperm(70, generator=torch.Generator().manual_seed(count))[:count]
    grid = torch.zeros(1, 7, 10, dtype=torch.bool)
    grid.view(-1)[order] = True
    cells = grid.nonzero()
    assert torch.equal(nearest_cells(cells, (1, 7, 10), 8), slow_nearest(cells, 8))


@pytest.mark.parametrize("lone", [None, 9])
@pytest.mark.parametrize("share", [0.002, 0.02, 0.3, 1])
def test_neighbours_without_a_loop_are_those_of_the_loop(share, lone):
    shape, K, again = (3, 24, 40), 8, 0
    for seed in range(5):
        cells = random_cells(shape, share, seed)
        padded = F.pad(cells, (0, 0, 0, K + 1), value=-1)
        found, looked_twice = nearest_cells_unrolled(padded, (4, 24, 40), disc(DISC), K, lone)
        exact = torch.equal(found[: len(cells)], nearest_cells(cells, shape, K))
        assert exact or (lone and looked_twice > lone)
        again += looked_twice
    assert (again > 0) == (share < 0.3)


def test_paste_of_crop_is_the_identity():
    image = torch.rand(2, 1, 40, 24)
    cells = random_cells((2, 5, 3), 0.5, 0)
    pasted = paste_regions(torch.zeros(2, 1, 5, 3), crop_regions(image, cells, 8), cells)
    inside = paste_regions(torch.zeros(2, 1, 5, 3), torch.ones(len(cells), 1, 8, 8), cells) > 0
    assert torch.equal(pasted[inside], image[inside])
    assert not pasted[~inside].any()
    assert inside.sum() == 64 * len(cells)


def test_unrefined_cells_are_the_nearest_enlargement():
    coarse = torch.rand(2, 1, 5, 3)
    pasted = paste_regions(coarse, torch.empty(0, 1, 8, 8), torch.empty(0, 3, dtype=torch.int64))
    assert torch.equal(pasted, F.interpolate(coarse, scale_factor=8, mode="nearest"))


def test_paste_lets_gradients_through():
    coarse = torch.rand(1, 1, 4, 4, requires_grad=True)
    regions = torch.rand(3, 1, 8, 8, requires_grad=True)
    cells = torch.tensor([[0, 0, 0], [0, 1, 2], [0, 3, 3]])
    paste_regions(coarse, regions, cells).sum().backward()
    assert torch.equal(regions.grad, torch.ones_like(regions))
    refined = torch.zeros(4, 4, dtype=torch.bool)
    refined[cells[:, 1], cells[:, 2]] = True
    assert torch.equal(coarse.grad[0, 0] == 0, refined)


def test_crop_refuses_odd_sizes():
    with pytest.raises(ValueError, match="41x24; both sides must be multiples of 8"):
        crop_regions(torch.rand(1, 3, 41, 24), torch.zeros(1, 3, dtype=torch.int64), 8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 9)])
def test_upsampled_regions_are_crops_of_the_bilinear_enlargement(shape):
    coarse = torch.rand(2, 1, *shape)
    cells = torch.ones(2, *shape).nonzero()
    whole = F.interpolate(coarse, scale_factor=8, mode="bilinear", align_corners=False)
    ours = upsample_regions(coarse, cells, 8)
    torch.testing.assert_close(ours, crop_regions(whole, cells, 8), rtol=0, atol=1e-6)


def test_select_cells_are_the_argmax():
    scores = torch.randn(2, 3, 6, 7)
    cells = select_cells(scores)
    expected = np.argwhere(scores.numpy().argmax(axis=1) == 1)
    assert np.array_equal(cells.numpy(), expected)


def test_training_cells_have_a_floor_a_ceiling_and_the_right_order():
    noise = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    scores = torch.zeros(3, 3, 16, 16)
    scores[0, 0] = 5  # nothing unknown: topped up by the noise alone
    scores[1, 1] = 5 + torch.rand(16, 16)  # all unknown: the likeliest quarter
    scores[2, 0] = 5
    scores[2, 1, 3, 2:12] = 9  # ten unknown: kept, and six more
    cells = select_training_cells(scores, noise)
    images = [cells[cells[:, 0] == b] for b in range(3)]
    assert [len(image) for image in images] == [16, 64, 16]
    kept = noise[0, 0][images[0][:, 1], images[0][:, 2]]
    assert kept.min() >= noise[0].flatten().sort(descending=True).values[15]
    kept = scores[1, 1][images[1][:, 1], images[1][:, 2]]
    assert kept.min() >= scores[1, 1].flatten().sort(descending=True).values[63]
    assert sum(row == 3 and 2 <= column < 12 for _, row, column in images[2].tolist()) >= 10


def test_the_largest_share_of_training_cells_is_a_choice():
    scores = torch.zeros(2, 3, 16, 16)
    scores[:, 1] = 5 + torch.rand(16, 16)
    noise = torch.rand(2, 1, 16, 16)
    counts = [
        len(select_training_cells(scores, noise, largest_share=share)) // 2
        for share in (0.0, 0.1, 0.5, 1.0)
    ]
    assert counts == [16, 25, 128, 256]


def test_training_cells_may_have_few_numbers_and_keep_those_they_had():
    noise = torch.rand(4, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    numbers = set()
    for threshold in range(-25, 25):
        unknown = torch.linspace(-3, 3, 1600).view(4, 20, 20) - threshold / 10
        scores = torch.stack([torch.zeros(4, 20, 20), unknown, torch.full((4, 20, 20), -9.0)], 1)
        exact = set(map(tuple, select_training_cells(scores, noise).tolist()))
        cells = select_training_cells(scores, noise, steps=4)
        assert exact <= set(map(tuple, cells.tolist()))
        numbers |= set(cells[:, 0].bincount(minlength=4).tolist())
    assert numbers == {25, 50, 75, 100}


def test_few_cells_far_apart_need_no_discs_larger_than_their_number(monkeypatch):
    grid = torch.zeros(1, 540, 960, dtype=torch.bool)
    grid[0, :2, :4] = grid[0, -2:, -1:] = True
    grid[0, 100:120, 100:120] = True
    cells = grid.nonzero()
    radii = []

    def noted(cells, shape, radius, offsets):
        radii.append(radius)
        return _index_grid(cells, shape, radius, offsets)

    monkeypatch.setattr("models.regions._index_grid", noted)
    assert torch.equal(nearest_cells(cells, grid.shape, 8), slow_nearest(cells, 8))
    assert max((2 * radius + 1) ** 2 for radius in radii) <= len(cells)
