"""Videos, read and written frame by frame; PyAV does it (requirements-video.txt)."""
