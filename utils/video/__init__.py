"""Videos and cameras, read and written frame by frame; begin with utils/video/files.py."""
