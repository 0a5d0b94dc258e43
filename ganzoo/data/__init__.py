"""Data sets: what a batch must hold (`spec`, light), where it comes from (`sources`), in which order (`order`)."""
