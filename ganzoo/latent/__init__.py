"""Explore the latent space of a model: walks, planes, codes, truncation."""
