import torch

from engine.export.tracing import ExportableModel
from models import CONFIGS, build_model


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
