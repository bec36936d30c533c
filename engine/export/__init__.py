"""The network as a file that needs none of this project's code."""
