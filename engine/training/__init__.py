"""Training: arguments, data, the step and the loop around it."""
