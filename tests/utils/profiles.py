"""ICC profiles drawn by the tests: small, and of every kind that photos bear."""

import io
import itertools
import struct

import numpy as np
from PIL import ImageCms

P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))  # XYZ at D50
WHITE = (0.9642, 1.0, 0.8249)


def fixed(values):
    """ICC's s15Fixed16Number."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def xyz(values):
    return b"XYZ \0\0\0\0" + fixed(values)


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def table(channels, lab):
    """A lut8 whose corners a function of each channel's ink or light gives in L*a*b*."""
    corners = [lab(*corner) for corner in itertools.product((0, 1), repeat=channels)]
    clut = bytes(round(v) for L, a, b in corners for v in (L * 2.55, a + 128, b + 128))
    ramp = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes((channels, 3, 2, 0)) + fixed(np.eye(3).ravel())
    return head + ramp * channels + clut + ramp * 3


def profile(kind, space, connection, tags):
    tags = {"wtpt": xyz(WHITE), **tags}
    offset, directory, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        directory += name.encode() + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    header = struct.pack(">I4xI4s4s4s", size, 0x02400000, kind, space, connection)
    header = (header + bytes(12) + b"acsp" + bytes(28) + fixed(WHITE)).ljust(128, b"\0")
    return header + directory + body


def rgb(columns, exponent):
    """An RGB profile, as screens and cameras have it."""
    tags = {f"{c}XYZ": xyz(column) for c, column in zip("rgb", columns, strict=True)}
    return profile(b"mntr", b"RGB ", b"XYZ ", tags | {f"{c}TRC": gamma(exponent) for c in "rgb"})


PROFILES = {
    "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "P3": rgb(P3, 2.2),
    "grey": profile(b"mntr", b"GRAY", b"XYZ ", {"kTRC": gamma(1.0)}),
    "CMYK": profile(
        b"prtr",
        b"CMYK",
        b"Lab ",
        {
            "A2B0": table(
                4,
                lambda c, m, y, k: (
                    (1 - k) * (100 - 30 * c - 35 * m - 5 * y),
                    60 * m - 30 * c,
                    70 * y - 40 * c,
                ),
            )
        },
    ),
    "one way": profile(
        b"scnr",
        b"RGB ",
        b"Lab ",
        {
            "A2B0": table(
                3,
                lambda r, g, b: (
                    20 * r + 60 * g + 20 * b,
                    40 * r - 40 * g,
                    30 * r + 20 * g - 50 * b,
                ),
            )
        },
    ),
}


def shown(picture):
    """A picture as a screen of sRGB shows it: (H, W, 3) int."""
    icc = picture.info.get("icc_profile")
    if not icc:
        return np.array(picture.convert("RGB")).astype(int)
    if icc[16:20] == b"RGB ":
        picture = picture.convert("RGB")
    converted = ImageCms.profileToProfile(
        picture,
        io.BytesIO(icc),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return np.array(converted).astype(int)
