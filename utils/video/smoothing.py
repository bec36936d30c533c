"""Less flicker: every frame's alpha leans on the one before, followed along the motion."""

import cv2
import numpy as np

STRENGTH = 0.6  # share of the last alpha where the two frames look the same
TOLERANCE = 0.05  # difference of colour, of 1, at which that share has fallen to 1/e
FLOW_SIDE = 512  # pixels; the motion is estimated at no more than this
MIN_SIDE = 64  # pixels; OpenCV's DIS reads beyond its buffers when a side is under about 30
DENOISE = 1.5  # pixels, sigma of the blur before colours are compared


class TemporalFilter:
    """A recursive filter over the frames of one video.

    The last frame and its alpha are warped by dense optical flow (DIS, Kroeger et al. 2016). Where
    the warped frame looks like the new one, the alphas are mixed; where it doesn't (occlusion,
    a cut, wrong flow) the new alpha stands. It needs no later frame and remembers only one.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __call__(self, image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Return the smoothed alpha of the next frame.

        Args:
            image: (H, W, 3) uint8 RGB; of every call the same size.
            alpha: (H, W) float32 in [0, 1].

        Returns:
            (H, W) float32 in [0, 1].
        """
        H, W = alpha.shape
        scale = min(1.0, FLOW_SIDE / max(H, W))
        small = (max(MIN_SIDE, round(W * scale)), max(MIN_SIDE, round(H * scale)))
        grey = cv2.resize(
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), small, interpolation=cv2.INTER_AREA
        )
        colours = cv2.GaussianBlur(image, (0, 0), DENOISE)
        if self._last is not None:
            last_grey, last_colours, last_alpha = self._last
            start = np.zeros((*grey.shape, 2), np.float32)
            flow = cv2.resize(self._flow.calc(grey, last_grey, start), (W, H))
            rows, columns = np.mgrid[:H, :W].astype(np.float32)
            columns += flow[..., 0] * (W / small[0])
            rows += flow[..., 1] * (H / small[1])
            # Cubic: linear interpolation would soften the edges a little more with every frame.
            warped_alpha, warped_colours = (
                cv2.remap(last, columns, rows, kind, borderMode=cv2.BORDER_REPLICATE)
                for last, kind in ((last_alpha, cv2.INTER_CUBIC), (last_colours, cv2.INTER_LINEAR))
            )
            warped_alpha = warped_alpha.clip(0, 1)
            difference = cv2.absdiff(colours, warped_colours).max(axis=2) / np.float32(255)
            share = np.float32(STRENGTH) * np.exp(-((difference / np.float32(TOLERANCE)) ** 2))
            alpha = alpha + share * (warped_alpha - alpha)
        self._last = grey, colours, alpha
        return alpha
