"""Photos and videos to mattes."""
