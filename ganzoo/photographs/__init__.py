"""Photographs of any size through an image-to-image model, in tiles."""
