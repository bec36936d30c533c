"""Images, trimaps, foreground solving, metrics, reports and video; imports nothing else of the repository."""
