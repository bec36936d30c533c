"""Images, trimaps, foreground solving, metrics, reports and video.

Imports nothing else of the repository.
"""
