import pytest
import torch

from engine.export.tracing import ExportableModel, nearest_cells_unrolled
from models import CONFIGS, build_model
from models.regions import nearest_cells


@pytest.mark.parametrize("share", [0.002, 0.02, 0.3, 1])
def test_neighbours_are_those_of_the_loop(share):
    torch.manual_seed(round(1000 * share))
    shape, K = (3, 24, 40), 8
    cells = (torch.rand(shape) < share).nonzero()
    dummies = torch.tensor([[shape[0], 0, 0]]).repeat(K + 1, 1)
    placed = torch.cat([cells, dummies])
    found = nearest_cells_unrolled(placed, (shape[0] + 1, *shape[1:]), K)[: len(cells)]
    assert torch.equal(found, nearest_cells(cells, shape, K))


def test_the_exportable_model_computes_the_same():
    torch.manual_seed(0)
    model = build_model(CONFIGS["demo"]).eval()
    exportable = ExportableModel(model)
    for B, H, W in ((1, 128, 128), (2, 128, 384), (1, 640, 256)):  # below, at, above 7 windows
        image = torch.rand(B, 3, H, W)
        with torch.inference_mode():
            output = model(image)
            alpha, trimap = exportable(image)
        assert len(output.cells) > 9
        assert torch.allclose(alpha, output.alpha, atol=1e-5)
        assert torch.equal(trimap, output.coarse.trimap_logits[-1].argmax(dim=1))
