"""Choosing, cutting, pasting regions and finding their neighbours; free functions on tensors.

A cell is one value of the coarse maps; the region behind it is P x P pixels of the photo. Cells are
(N, 3) int64 rows (batch, row, column) in the order of `Tensor.nonzero`, so regions of one image
stand together; N may be 0.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

UNKNOWN = 1  # channel of the coarse trimap
SEARCH_ENTRIES = 2**17  # places looked up at once on a CPU, so that caches hold them
FAR = 2**40  # beyond every squared distance
DISC = 10  # cells; the radius that nearest_cells_unrolled looks in


def select_cells(trimap: Tensor) -> Tensor:
    """Cells whose most likely class is unknown: those that inference refines.

    trimap: (B, 3, h, w) scores of (background, unknown, foreground), on any monotonic scale.
    """
    return (trimap.argmax(dim=1) == UNKNOWN).nonzero()


def select_training_cells(
    trimap: Tensor,
    noise: Tensor,
    minimum: int = 16,
    largest_share: float = 0.25,
    steps: int | None = None,
) -> Tensor:
    """The unknown cells of each image, but at least `minimum` and at most a share of all.

    Too few are topped up with random cells, so that no part of the network is ever without
    gradients; of too many the likeliest unknown ones stay, so that the first steps fit in memory.
    Both are additions to the paper.

    Args:
        trimap: (B, 3, h, w) scores of (background, unknown, foreground).
        noise: (B, 1, h, w) uniform in [0, 1): decides which cells top up.
        minimum: cells of an image that are refined at least.
        largest_share: of an image's cells that are refined at most, where that is no fewer.
        steps: how many numbers of cells an image may have: it goes up to the next with further
            cells, also random ones. None for any number.

    Returns:
        (N, 3) int64 rows (batch, row, column).
    """
    B, _, h, w = trimap.shape
    unknown = (trimap.argmax(dim=1) == UNKNOWN).flatten(1)  # (B, h*w)
    likelihood = trimap.float().softmax(dim=1)[:, UNKNOWN].flatten(1)
    priority = torch.where(unknown, 1 + likelihood, noise.flatten(1))  # unknown ones come first
    most = max(minimum, int(h * w * largest_share))
    count = unknown.sum(dim=1, keepdim=True).clamp(minimum, most)
    if steps:
        step = -(-most // steps)
        count = ((count + step - 1) // step * step).clamp(max=most)
    rank = priority.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return (rank < count).view(B, h, w).nonzero()


def crop_regions(image: Tensor, cells: Tensor, size: int) -> Tensor:
    """The regions of side `size` behind cells: of (B, C, H, W) those (N, C, size, size).

    Raises:
        ValueError: if H or W is not a multiple of `size`.
    """
    B, C, H, W = image.shape
    if H % size or W % size:
        raise ValueError(f"image is {H}x{W}; both sides must be multiples of {size}")
    grid = image.view(B, C, H // size, size, W // size, size).permute(0, 2, 4, 1, 3, 5)
    return grid[cells[:, 0], cells[:, 1], cells[:, 2]]  # grid: (B, h, w, C, P, P), a view


def paste_regions(coarse_alpha: Tensor, regions: Tensor, cells: Tensor) -> Tensor:
    """The coarse alpha, enlarged by nearest neighbour, with refined regions put over it.

    (B, 1, h, w) and (N, 1, P, P), both in [0, 1], and cells, none twice -> (B, 1, h*P, w*P).
    """
    B, _, h, w = coarse_alpha.shape
    P = regions.shape[-1]
    alpha = coarse_alpha.view(B, h, 1, w, 1).expand(B, h, P, w, P).clone()
    grid = alpha.permute(0, 1, 3, 2, 4)  # (B, h, w, P, P), a view
    grid[cells[:, 0], cells[:, 1], cells[:, 2]] = regions.squeeze(1).to(alpha.dtype)
    return alpha.view(B, 1, h * P, w * P)


def upsample_regions(coarse_alpha: Tensor, cells: Tensor, size: int) -> Tensor:
    """The bilinear enlargement of a (B, 1, h, w) alpha behind cells alone: (N, 1, size, size).

    Equals crop_regions of F.interpolate(coarse_alpha, scale_factor=size, mode="bilinear"): inside
    one cell that is a linear function of the 3x3 cells around it.
    """
    padded = F.pad(coarse_alpha, (1, 1, 1, 1), mode="replicate").squeeze(1)  # (B, h+2, w+2)
    windows = padded.unfold(1, 3, 1).unfold(2, 3, 1)  # (B, h, w, 3, 3), a view
    around = windows[cells[:, 0], cells[:, 1], cells[:, 2]].flatten(1)  # (N, 9)
    basis = torch.eye(9, dtype=coarse_alpha.dtype, device=coarse_alpha.device).view(9, 1, 3, 3)
    weights = F.interpolate(basis, scale_factor=size, mode="bilinear", align_corners=False)
    weights = weights[:, 0, size : 2 * size, size : 2 * size].flatten(1)  # (9, P*P)
    return (around @ weights).view(-1, 1, size, size)


def nearest_cells(cells: Tensor, shape: tuple[int, int, int], num_neighbours: int) -> Tensor:
    """The K nearest other cells of the same image by Euclidean distance, exactly.

    Of equally far ones the lower (row, column) comes first. With fewer than K others, slot j holds
    neighbour j mod (number of others); a cell alone in its image is its own neighbour.

    Cells lie on a grid, so each looks at a disc of offsets around it, nearest first; the few that
    find too little look again in a disc of twice the radius, or at all cells once those are fewer
    than the disc's. At most O(K h w / R^2) cells can see fewer than K others within a radius R, so
    every round costs at most O(K h w): linear in the photo's size, in time and in memory. On a GPU
    every round waits for the host.

    Args:
        shape: (B, h, w) of the grid.
        num_neighbours: K, at least 1.

    Returns:
        (N, K) int64 indices into `cells`.
    """
    others = _count_others(cells, shape[0])
    wanted = others.clamp(max=num_neighbours)
    near = cells.new_zeros(len(cells), num_neighbours)
    searching = wanted.nonzero()[:, 0]
    entries = SEARCH_ENTRIES if cells.device.type == "cpu" else SEARCH_ENTRIES << 8
    radius = 3
    while len(searching):
        if len(cells) < (2 * radius + 1) ** 2:
            for centres in searching.split(max(1, entries // len(cells))):
                found = _nearest_of_all(cells, centres, num_neighbours)
                near[centres, : found.shape[1]] = found
            break
        grid, place, offsets = _index_grid(cells, shape, radius, disc(radius).to(cells.device))
        wanting = []
        for centres in searching.split(max(1, entries // len(offsets))):
            seen = grid[place[centres, None] + offsets]  # (M, offsets), -1: no cell
            order = (seen >= 0).cumsum(dim=1)
            row, offset = ((seen >= 0) & (order <= wanted[centres, None])).nonzero(as_tuple=True)
            near[centres[row], order[row, offset] - 1] = seen[row, offset]
            wanting.append(centres[order[:, -1] < wanted[centres]])
        searching = torch.cat(wanting)
        radius *= 2
    return _repeat(near, others)


def nearest_cells_unrolled(
    cells: Tensor,
    shape: tuple[int, int, int],
    offsets: Tensor,
    num_neighbours: int,
    lone: int | None = None,
) -> tuple[Tensor, Tensor]:
    """As nearest_cells in two rounds, without a loop that depends on the data.

    All look within a radius of DISC; then those that found too little look at all cells. With
    `lone` the host reads nothing, but no more than so many have this second look.

    Args:
        cells: (N, 3) int64, N more than K. Rows of -1, which may repeat, are dummies.
        shape: (B + 1, h, w): dummies have the last image to themselves.
        offsets: disc(DISC) on the device of the cells.
        num_neighbours: K, at most len(offsets).
        lone: number of cells that look twice, at most N; None: all that need it, and all dummies,
            so that an exporter never meets an empty round.

    Returns:
        (N, K) int64 indices into `cells`, of dummies any; and how many cells needed the second
        look, a tensor of no dimensions: up to `lone` the answer is that of nearest_cells.
    """
    others = _count_others(cells, shape[0])
    grid, place, offsets = _index_grid(cells, shape, DISC, offsets)
    seen = grid[place[:, None] + offsets]  # (N, offsets), nearest first; -1: no cell
    order = (seen >= 0).cumsum(dim=1)
    # Those that are no neighbours share one more slot. torch.where would copy a number to the GPU.
    slot = (order - 1).masked_fill((seen < 0) | (order > num_neighbours), num_neighbours)
    near = torch.zeros_like(seen[:, : num_neighbours + 1]).scatter(1, slot, seen)
    near = near[:, :num_neighbours]
    dummy = cells[:, 0] < 0
    lacking = (order[:, -1] < others.clamp(max=num_neighbours)) & ~dummy
    if lone is None:
        centres = (lacking | dummy).nonzero()[:, 0]
    else:
        centres = lacking.byte().topk(lone).indices
    near = near.index_put((centres,), _nearest_of_all(cells, centres, num_neighbours))
    return _repeat(near, others), lacking.sum()


def disc(radius: int) -> Tensor:
    """(n, 2) int64 (dy, dx) within `radius`, by distance, row and column; (0, 0) is left out."""
    span = range(-radius, radius + 1)
    offsets = [(dy**2 + dx**2, dy, dx) for dy in span for dx in span]
    return torch.tensor([(dy, dx) for d, dy, dx in sorted(offsets) if 0 < d <= radius**2])


def _count_others(cells: Tensor, images: int) -> Tensor:
    """(N,) how many other cells the image of each has; dummies, in image -1, are counted, too."""
    batch = cells[:, 0] + 1
    counts = torch.zeros(images + 1, dtype=torch.int64, device=cells.device)
    return counts.index_add_(0, batch, torch.ones_like(batch))[batch] - 1


def _repeat(near: Tensor, others: Tensor) -> Tensor:
    """(N, K) as nearest_cells promises it, of rows where only the first `others` count."""
    N, K = near.shape
    slots = torch.arange(K, device=near.device) % others.clamp(min=1)[:, None]
    own = torch.arange(N, device=near.device)[:, None]
    return torch.where(others[:, None] > 0, near.gather(1, slots), own)


def _nearest_of_all(cells: Tensor, centres: Tensor, num_neighbours: int) -> Tensor:
    """(M, at most K): for (M,) indices the nearest of all N cells; past those of the image: any."""
    N = cells.shape[0]
    own, index = cells[centres], torch.arange(N, device=cells.device)
    distance = (own[:, None, 1:] - cells[None, :, 1:]).square().sum(dim=2)  # (M, N)
    excluded = (own[:, None, 0] != cells[:, 0]) | (centres[:, None] == index)
    distance = distance.masked_fill(excluded, FAR)
    # Cells come in raster order, so that the lower index settles ties.
    return (distance * N + index).topk(min(num_neighbours, N), largest=False).indices


def _index_grid(
    cells: Tensor, shape: tuple[int, int, int], radius: int, offsets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """A flat grid of indices into `cells`, to look up what lies within `radius` of each.

    Returns:
        the grid, -1 where no cell is, with a margin of `radius` around each image; (N,) each
        cell's place in it; and what to add for the places at `offsets` from it.
    """
    B, h, w = shape
    H, W = h + 2 * radius, w + 2 * radius
    grid = torch.full((B * H * W,), -1, dtype=torch.int64, device=cells.device)
    place = (cells[:, 0] * H + cells[:, 1] + radius) * W + cells[:, 2] + radius
    grid[place] = torch.arange(cells.shape[0], device=cells.device)
    return grid, place, offsets[:, 0] * W + offsets[:, 1]
