"""Weights by name: registry, manifest, cache, Hub; names to verified bytes."""
