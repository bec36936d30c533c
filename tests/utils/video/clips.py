"""Small videos of every kind, drawn and written with PyAV."""

from fractions import Fraction

import numpy as np

SIZE = (48, 64)


def picture(size=SIZE, ground=(180, 90, 40), mark=(20, 200, 60)):
    """One colour, and another one in the upper left quarter."""
    image = np.full((*size, 3), ground, np.uint8)
    image[: size[0] // 2, : size[1] // 2] = mark
    return image


def nits_to_pq(light):
    """SMPTE ST 2084: cd/m2 to values in [0, 1]; of 100, 203 and 1000 they are .508, .581, .752."""
    part = (light / 10_000) ** (1305 / 8192)
    return ((0.8359375 + 18.8515625 * part) / (1 + 18.6875 * part)) ** (2523 / 32)


def write_clip(
    path,
    *,
    count=10,
    size=SIZE,
    codec="libx264",
    pixels="yuv420p",
    image=None,
    matrix=None,
    aspect=None,
    tags=(1, 2, 2),
    space=1,
    sounds=(),
    spoil=None,
    times=None,
):
    """Write `count` frames at 25 a second.

    Args:
        path: where to.
        count, size, codec, pixels: of the frames.
        image: every frame, (H, W, 3) uint8, or uint16 where `pixels` are deep.
        matrix: (a, b, c, d) of the display matrix.
        aspect: of the pixels.
        tags: numbers of matrix, primaries and transfer; 2 says nothing.
        space: number of the matrix that is really used.
        sounds: dictionaries, each `add_sound`'s arguments.
        times: of the frames, milliseconds, where the rate is not even.
        spoil: changes the list of each track's packets.
    """
    import av

    with av.open(str(path), "w") as container:
        options = {"crf": "4"} if codec.startswith("libx26") else {}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = tags
        if times:
            context.time_base = Fraction(1, 1000)
        if aspect:
            context.sample_aspect_ratio = Fraction(aspect)
        if matrix:
            a, b, c, d = (65536 * number for number in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        tracks = [add_sound(container, **sound) for sound in sounds]
        image = picture(size) if image is None else image
        packets = []
        for number in range(len(times) if times else count):
            kind = "rgb48le" if image.dtype == np.uint16 else "rgb24"
            frame = av.VideoFrame.from_ndarray(image, format=kind)
            frame = frame.reformat(format=pixels, dst_colorspace=space, dst_color_range=1)
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for track in tracks:
            made = encode_tone(*track)
            packets += spoil(made) if spoil else made
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def add_sound(container, codec="aac", rate=44100, layout="stereo", seconds=0.4, begin=0.0):
    stream = container.add_stream(codec, rate=rate)
    stream.layout = layout
    return stream, rate, layout, seconds, begin


def encode_tone(stream, rate, layout, seconds, begin):
    """Packets of a tone of 440 Hz in all channels, at half of full loudness."""
    import av

    tone = 16384 * np.sin(np.arange(round(seconds * rate)) / rate * 2 * np.pi * 440)
    channels = stream.layout.nb_channels
    samples = np.repeat(tone.astype(np.int16)[:, None], channels, 1).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, "s16", layout)
    frame.rate, frame.pts, frame.time_base = rate, round(begin * rate), Fraction(1, rate)
    return stream.encode(frame) + stream.encode(None)


def spoilt(packets, wanted, change):
    """The packets, those that are `wanted` (numbers) with other bytes: change(bytes)."""
    import av

    for number in wanted:
        old = packets[number]
        new = av.Packet(change(bytes(old)))
        new.pts, new.dts, new.duration = old.pts, old.dts, old.duration
        new.time_base, new.stream, new.is_keyframe = old.time_base, old.stream, True
        packets[number] = new
    return packets


def listen(path):
    """The first sound track: codec's name, rate, channels, where it begins and ends, loudness.

    The loudness is an array, one number for every decoded frame.
    """
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        channels = stream.layout.nb_channels
        resampler = av.AudioResampler("s16", "mono", stream.rate)
        begin, length, loudness = None, 0, []
        for frame in container.decode(stream):
            begin = float(frame.time) if begin is None else begin
            for made in resampler.resample(frame):
                length += made.samples
                loudness.append(np.abs(made.to_ndarray()).max() / 32768)
        end = (begin or 0) + length / stream.rate
        name = stream.codec_context.codec.canonical_name
        return name, stream.rate, channels, begin, end, np.array(loudness)
