"""Cross region attention."""

import torch

from models.attention import (
    CrossRegionAttention,
    look_up_bias,
    look_up_heads,
    position_entries,
)


def test_position_entries_share_one_beyond_reach():
    cells = torch.tensor([[0, 10, 10], [0, 10, 13], [0, 7, 10], [0, 10, 14], [0, 14, 10]])
    entries = position_entries(cells, torch.arange(5)[None])[0]  # (query, key)
    assert entries[0].tolist() == [24, 27, 3, 49, 49]
    assert entries[1, 0] == 21
    assert entries[2, 0] == 45


def test_the_bias_moves_attention_and_learns():
    torch.manual_seed(0)
    attention = CrossRegionAttention(4, 16, 2)
    cells = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 9, 9]])
    sequence = torch.tensor([[0, 1, 2], [1, 0, 2], [2, 1, 0]])
    tokens = attention.tokens(torch.rand(3, 4, 2, 2))
    before = attention(tokens, cells, sequence)
    before.sum().backward()
    assert attention.position_bias.grad.abs().sum() > 0
    with torch.no_grad():
        attention.position_bias[49] = -1e4  # far keys are shut out
    near = attention(tokens, cells, sequence[:1])
    alone = attention(tokens, cells, sequence[:1, :2])
    torch.testing.assert_close(near, alone)


def test_order_of_neighbours_does_not_matter():
    torch.manual_seed(0)
    attention = CrossRegionAttention(4, 16, 2)
    torch.nn.init.normal_(attention.position_bias)
    cells = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 2, 1], [0, 1, 3]])
    tokens = attention.tokens(torch.rand(4, 4, 2, 2))
    one = attention(tokens, cells, torch.tensor([[0, 1, 2, 3]]))
    other = attention(tokens, cells, torch.tensor([[0, 3, 1, 2]]))
    torch.testing.assert_close(one, other)


def test_what_is_quick_on_gpus_looks_up_the_same():
    random = torch.Generator().manual_seed(0)
    table, qkv = torch.rand(50, 4, generator=random), torch.rand(20, 4, 6, generator=random)
    entries = torch.randint(50, (7, 9, 9), generator=random)
    sequence = torch.randint(20, (7, 9), generator=random)
    for look_up, values, places in ((look_up_bias, table, entries), (look_up_heads, qkv, sequence)):
        found, wanted = (look_up(values, places, for_gpu=gpu) for gpu in (True, False))
        assert found.equal(wanted)
