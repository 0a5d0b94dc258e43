"""From a loaded model and its inputs to samples, a batch at a time."""
