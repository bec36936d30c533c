"""Drawn portraits with exact alpha, in the layouts of the real data sets."""
