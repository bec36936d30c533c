"""The loops: training, evaluation, prediction, profiling.

The only place, beside the scripts, that sees both the network and the data.
"""
