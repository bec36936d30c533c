"""PPM-100: loader and trimaps."""
