"""Images, trimaps, foreground solving, metrics, reports and video."""
