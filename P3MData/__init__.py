"""P3M-10K: loaders, augmentation, foreground and background solving."""
