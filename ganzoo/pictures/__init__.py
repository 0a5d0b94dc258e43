"""Tensors to images and back: grids, files, plots."""
