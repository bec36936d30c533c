import numpy as np
import pytest

from tests.utils.video.clips import nits_to_pq
from utils.video.colour import HLG, PQ, matrix_number, to_bt709


def grey(values):
    return np.repeat(
        np.rint(np.asarray(values, float) * 65535).astype(np.uint16)[None, :, None], 3, 2
    )


@pytest.mark.parametrize(("transfer", "white"), [(PQ, 0.581), (HLG, 0.75)])
def test_hdr_keeps_black_and_midtones_and_rolls_off_highlights(transfer, white):
    ramp = to_bt709(grey(np.linspace(0, 1, 200)), 9, transfer)[0]
    assert (np.diff(ramp.astype(int), axis=0) >= 0).all()
    assert ramp[0].max() == 0 and ramp[-1].min() == 255
    assert np.ptp(ramp.astype(int), axis=1).max() <= 1  # grey stays grey
    assert 215 < to_bt709(grey([white]), 9, transfer).min() < 245  # room above diffuse white


def test_pq_and_hlg_of_one_light_look_the_same():
    """HLG of 1000 cd/m2: light of 203 is 75 %, of about 26 (the grey card) is 38 %."""
    pq = to_bt709(grey(nits_to_pq(np.array([26.0, 203.0]))), 9, PQ)
    hlg = to_bt709(grey([0.38, 0.75]), 9, HLG)
    assert np.abs(pq.astype(int) - hlg).max() <= 4


@pytest.mark.parametrize(("primaries", "transfer"), [(9, 14), (12, 1)])
def test_wide_gamuts_keep_greys_and_gain_saturation(primaries, transfer):
    values = np.linspace(0, 1, 50)
    made = to_bt709(grey(values), primaries, transfer)[0]
    assert np.abs(made - values[:, None] * 255).max() <= 1
    skin = np.array([[[0.8, 0.6, 0.5]]]) * 65535
    made = to_bt709(skin.astype(np.uint16), primaries, transfer)[0, 0]
    assert made[0] > 0.8 * 255 + 2 and made[2] < 0.5 * 255 - 1


def test_which_matrix_is_meant():
    assert matrix_number(2, 2, 720, 1280) == 1 and matrix_number(2, 2, 1280, 720) == 1
    assert matrix_number(2, 2, 480, 720) == 5 and matrix_number(2, 2, 576, 720) == 5
    assert matrix_number(6, 2, 1080, 1920) == 6 and matrix_number(1, 2, 480, 720) == 1
    assert matrix_number(2, 9, 480, 720) == 9 and matrix_number(2, 6, 1080, 1920) == 5
