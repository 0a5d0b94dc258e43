"""What `sample` is fed: latents, labels, codes, choices, sentences, vectors, pictures. Light: no torch."""

from __future__ import annotations

from ganzoo.inputs.drawn import MOST, Choice, Codes, Label, Latent
from ganzoo.inputs.given import Image, Text, Vector
from ganzoo.inputs.rows import Input, Rows

__all__ = ["MOST", "Choice", "Codes", "Image", "Input", "Label", "Latent", "Rows", "Text", "Vector"]
