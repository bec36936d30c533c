"""The whole network: coarse, select, refine, paste."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.attention import CrossRegionAttention
from models.backbone import build_backbone
from models.coarse import CoarseNetwork, CoarseOutput
from models.config import MattingConfig
from models.refinement import REGION, RefinementNetwork
from models.regions import paste_regions, select_cells, select_training_cells


class MattingOutput(NamedTuple):
    """What one forward pass gives.

    Attributes:
        alpha: (B, 1, H, W) float32 in [0, 1].
        coarse: logits at three strides.
        cells: (N, 3) int64 rows (batch, row, column) of the regions that were refined.
    """

    alpha: Tensor
    coarse: CoarseOutput
    cells: Tensor


class MattingModel(nn.Module):
    """Photo in, alpha out (paper section 3).

    Args:
        config: what the parts were built from; stored in checkpoints.
        coarse_network: alpha and trimap at an eighth of the size.
        refinement_network: redoes the unknown regions; None leaves the coarse alpha as it is.
    """

    max_area: int | None = None  # pixels to which predict_alpha shrinks larger photos first
    folded = False  # whether this is a copy for inference; see models/folding.py
    refined_share = 0.25  # of an image's cells that a training step refines at most

    def __init__(
        self,
        config: MattingConfig,
        coarse_network: CoarseNetwork,
        refinement_network: RefinementNetwork | None,
    ) -> None:
        super().__init__()
        self.config = config
        self.coarse_network = coarse_network
        self.stride = coarse_network.backbone.strides[-1]  # sides of images are multiples of it
        self.refinement_network = refinement_network

    def coarse(self, image: Tensor) -> CoarseOutput:
        """Coarse predictions.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], sides multiples of `stride`.

        Raises:
            ValueError: a side is no multiple of `stride`.
        """
        H, W = image.shape[-2:]
        if H % self.stride or W % self.stride or not H or not W:
            raise ValueError(f"image is {H}x{W}; both sides must be multiples of {self.stride}")
        return self.coarse_network(image)

    def refine(self, image: Tensor, coarse_alpha: Tensor, trimap: Tensor) -> Tensor:
        """Redo the cells whose most likely class is unknown.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            coarse_alpha: (B, 1, H/8, W/8) in [0, 1].
            trimap: (B, 3, H/8, W/8) scores of (background, unknown, foreground).

        Returns:
            (B, 1, H, W) alpha in [0, 1].
        """
        return self.refine_cells(image, coarse_alpha, select_cells(trimap))

    def refine_cells(self, image: Tensor, coarse_alpha: Tensor, cells: Tensor) -> Tensor:
        """The same for given cells, (N, 3) int64 rows (batch, row, column) without repetition."""
        if self.refinement_network is None or not len(cells):
            regions = coarse_alpha.new_empty(0, 1, REGION, REGION)
            return paste_regions(coarse_alpha, regions, cells[:0])
        return paste_regions(
            coarse_alpha, self.refinement_network(image, coarse_alpha, cells), cells
        )

    def forward(self, image: Tensor, noise: Tensor | None = None) -> MattingOutput:
        """Coarse alpha and refined alpha of photos.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], sides multiples of `stride`.
            noise: (B, 1, H/8, W/8) uniform in [0, 1), in training only: which cells top up an
                image with few unknown ones; drawn here if None.
        """
        coarse = self.coarse(image)
        trimap = coarse.trimap_logits[-1].detach()
        if self.refinement_network is None:
            cells = select_cells(trimap)[:0]
        elif self.training:
            if noise is None:
                noise = torch.rand_like(trimap[:, :1])
            # cuDNN plans anew for each number of regions, so there are to be few.
            steps = 8 if image.is_cuda else None
            cells = select_training_cells(
                trimap, noise, largest_share=self.refined_share, steps=steps
            )
        else:
            cells = select_cells(trimap)
        coarse_alpha = coarse.alpha_logits[-1].sigmoid()
        return MattingOutput(self.refine_cells(image, coarse_alpha, cells), coarse, cells)


def build_model(config: MattingConfig) -> MattingModel:
    """A MattingModel with random weights, float32, on the CPU; never downloads."""
    coarse_network = CoarseNetwork(build_backbone(config), config.decoder_widths)
    if not config.refinement:
        return MattingModel(config, coarse_network, None)
    attention = None
    if config.cross_region_attention:
        attention = CrossRegionAttention(64, config.attention_width, config.attention_heads)
    return MattingModel(config, coarse_network, RefinementNetwork(attention, config.num_neighbours))
