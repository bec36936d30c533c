"""What serves any portraits: samples, folders, augmentation and the endless training set."""
