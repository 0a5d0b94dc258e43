"""Training: from options to a run folder."""
