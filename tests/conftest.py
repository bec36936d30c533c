"""What holds for every test."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def plain_cpu():
    """A CPU without units for bfloat16, whatever this one has: "auto" means float32."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
            patch.setattr(torch.cpu, name, lambda: False, raising=False)
        yield
