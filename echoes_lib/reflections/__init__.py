"""People's answers become conversations: read, clean, filter, split, augment, render, write."""
