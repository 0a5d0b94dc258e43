"""Inputs of `sample`: latents, labels, codes, choices, prompts, vectors, images. Light."""

from __future__ import annotations

from ganzoo.inputs.drawn import Choice, Codes, Label, Latent
from ganzoo.inputs.given import Image, Text, Vector
from ganzoo.inputs.rows import Input, Rows

__all__ = ["Choice", "Codes", "Image", "Input", "Label", "Latent", "Rows", "Text", "Vector"]
