"""Photos and masks: reading, writing, listing and pairing files."""

from utils.images.files import (
    KINDS,
    MAX_PIXELS,
    list_images,
    list_layer,
    list_photos,
    match_stems,
    pad_to_multiple,
    pair_by_stem,
    read_alpha,
    read_mask,
    read_photo,
    read_rgba,
    read_size,
    refuse_faint,
    resize_antialiased,
    to_integers,
    write_image,
)
