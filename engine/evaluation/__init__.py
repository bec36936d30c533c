"""Measuring a network, or alphas from elsewhere, on test sets."""
