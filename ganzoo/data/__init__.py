"""Data sets: where they come from (`sources`), and in which order (`order`)."""
