"""P3M-10K: loader, foreground and background solving."""
