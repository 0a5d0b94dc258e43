"""What `sample` is fed: latents, labels, codes, choices, sentences, pictures. Light: torch and numpy are imported inside."""

from __future__ import annotations

from ganzoo.inputs.drawn import MOST, Choice, Codes, Label, Latent
from ganzoo.inputs.given import Image, Text
from ganzoo.inputs.rows import Input, Rows

__all__ = ["MOST", "Choice", "Codes", "Image", "Input", "Label", "Latent", "Rows", "Text"]
