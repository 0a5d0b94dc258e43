"""Preparing, proving and publishing a model."""
