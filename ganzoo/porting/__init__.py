"""Models from other code."""
