"""Photos and masks: reading, writing, listing and pairing files."""

from utils.images.area import pad_to_multiple, resize_antialiased
from utils.images.decode import KINDS, read_size, to_integers
from utils.images.files import (
    list_images,
    list_photos,
    match_stems,
    pair_by_stem,
    print_counts,
    read_alpha,
    read_mask,
    read_photo,
    read_rgba,
    refuse_faint,
    tell_passed_over,
    write_image,
)
