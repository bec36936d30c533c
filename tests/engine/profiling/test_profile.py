import numpy as np
import pytest
import torch

from engine.profiling import profile as profiling
from engine.profiling.measuring import Timing, measure_peak, measure_time
from engine.profiling.profile import (
    count_parts,
    draw_photo,
    forced_cells,
    measure_case,
    portrait_maps,
)
from models import CONFIGS, MattingConfig, build_model, prepare
from models.inference import predict


def test_counts_are_the_papers():
    parts = {part.name: part for part in count_parts(CONFIGS["model"], (1152, 1792))}
    assert sum(part.parameters for part in parts.values()) == 31_257_579
    coarse = parts["backbone"].multiply_adds + parts["decoder and heads"].multiply_adds
    assert coarse == pytest.approx(16.4e9, rel=0.005)
    region = sum(part.multiply_adds for part in parts.values() if part.per == "region")
    width, tokens, heads = 128, 9, 8
    shared = (tokens - 1) * 3 * width**2  # the first layer's projections, once a region
    # The second layer's keys and values: projected for all tokens, then met by one query; here
    # the query goes through the keys' projection and the mixed tokens through the values'.
    usual = tokens * 2 * width**2 + 2 * tokens * width
    regrouped = 2 * width**2 + 2 * heads * tokens * width
    assert region + shared + usual - regrouped == pytest.approx(3.7e6, rel=0.01)


def test_counts_know_what_a_configuration_leaves_out():
    alone = MattingConfig(embed_dim=32, num_heads=(2, 4, 8, 16), refinement=False)
    parts = count_parts(alone, (128, 128))
    assert [part.per for part in parts] == ["photo", "photo"]
    alone = MattingConfig(embed_dim=32, num_heads=(2, 4, 8, 16), cross_region_attention=False)
    attention = next(part for part in count_parts(alone, (128, 128)) if "attention" in part.name)
    assert (attention.parameters, attention.multiply_adds) == (0, 0)


@pytest.mark.parametrize("unknown", [0, 2, 7, 15, 100])
def test_the_band_has_its_share_and_lies_along_the_outline(unknown):
    inside, band = portrait_maps((72, 112), unknown)
    assert band.sum() == round(unknown / 100 * band.size)
    assert 0.2 < inside.mean() < 0.6
    across = inside[:, 1:] != inside[:, :-1]  # steps over the outline
    if unknown:
        # Two percent are fewer cells than both sides of the outline have.
        assert (band[:, 1:] | band[:, :-1])[across].mean() > (0.4 if unknown == 2 else 0.9)


def test_forced_cells_are_refined_and_the_network_is_itself_again():
    torch.manual_seed(0)
    network = prepare(build_model(CONFIGS["demo"]), "fp32")
    photo = draw_photo((250, 380))
    before = predict(network, photo)
    inside, band = portrait_maps((32, 48), 10)
    with forced_cells(network, inside, band):
        forced = predict(network, photo)
    assert (forced.classes == 1).sum() == band.sum()
    sure = ~band.repeat(8, 0).repeat(8, 1)[:250, :380]
    true = inside.repeat(8, 0).repeat(8, 1)[:250, :380]
    assert np.abs(forced.alpha - true)[sure].max() < 1e-6
    assert np.array_equal(predict(network, photo).alpha, before.alpha)


@pytest.mark.parametrize("refinement", [True, False])
def test_a_case_is_measured(tmp_path, refinement):
    config = MattingConfig(embed_dim=32, num_heads=(2, 4, 8, 16), refinement=refinement)
    model = build_model(config).eval()
    parts = count_parts(config, (128, 256))
    trace = tmp_path / "one.json"
    more = {"parts": parts, "seconds": 0, "trace": trace}
    found = measure_case(model, (100, 200), 25, "fp32", **more)
    assert found["regions"] == (128 if refinement else 0)
    fixed = sum(part.multiply_adds for part in parts[:2])
    work = fixed + sum(128 * part.multiply_adds for part in parts[2:])
    assert found["multiply_adds"] == round(work)
    assert found["network_runs"] == 3
    times = [found[f"network_ms_{name}"] for name in ("p10", "median", "p90")]
    assert 0 < times[0] <= times[1] <= times[2]
    assert "traceEvents" in trace.read_text()


def test_peak_memory_is_what_a_function_takes():
    def fill():
        return float(np.ones(8 << 20).sum())  # 64 MiB

    peak = measure_peak(fill, torch.device("cpu"))
    if peak is None:
        pytest.skip("this system does not tell a process's peak memory")
    assert 60 << 20 < peak < 90 << 20


def test_timing_goes_on_for_its_seconds():
    assert measure_time(lambda: None, torch.device("cpu"), 0.01).runs > 3


STEADY, FAST, UNSTEADY = Timing(9, 1.0, 1.1, 1.4), Timing(9, 0.5, 0.6, 0.7), Timing(9, 1, 1.2, 2)


@pytest.mark.parametrize(
    ("timings", "doubt"),
    [
        ([STEADY, STEADY], ""),
        ([UNSTEADY, UNSTEADY, FAST, STEADY], ""),
        ([STEADY, FAST, FAST, STEADY], ""),
        ([STEADY, FAST, STEADY, UNSTEADY], "unsteady: spread 2.0"),
        ([UNSTEADY, STEADY, STEADY, FAST], "file to file faster than the network"),
        (
            [UNSTEADY, FAST] * 2,
            "unsteady: spread 2.0, file to file faster than the network",
        ),
    ],
)
def test_times_in_doubt_are_measured_again_and_noted(monkeypatch, timings, doubt):
    left = list(timings)
    monkeypatch.setattr(profiling, "measure_time", lambda *_: left.pop(0))
    config = MattingConfig(embed_dim=32, num_heads=(2, 4, 8, 16), refinement=False)
    model = build_model(config).eval()
    found = measure_case(model, (100, 200), 0, "fp32", parts=[], seconds=0)
    assert found["note"] == doubt
    medians = [found[f"{name}_ms_median"] for name in ("network", "end_to_end")]
    assert medians == [1000 * timing.median for timing in timings[-2:]]
    assert not left
