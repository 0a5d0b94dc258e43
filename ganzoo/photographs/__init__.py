"""Photographs of any size through image-to-image models."""
