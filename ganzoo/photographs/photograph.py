"""A user's photograph: what a network sees of it, and what has to survive: size, colour profile, transparency.

The network sees upright 8-bit sRGB. The result is upright too and carries no EXIF: an orientation tag would turn it once more,
and a thumbnail or a place would still be the original's.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from PIL import Image, ImageCms
from torch import Tensor

from ganzoo.errors import InputError, UsageError
from ganzoo.files import replacing
from ganzoo.inputs import Image as ImageInput
from ganzoo.inputs import Input, Rows
from ganzoo.photographs import tiles
from ganzoo.photographs.tiles import Cut, Levels
from ganzoo.pictures import images
from ganzoo.sampling import samples
from ganzoo.sampling.origin import Origin
from ganzoo.spec import Picture

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}, "TIFF": {"compression": "tiff_deflate"}
}  # fmt: skip
LONGEST = {"JPEG": 65_500, "WEBP": 16_383}
"""Pixels of a side that the format can hold."""
CYCLE, ORIGINAL, RETURNED = "cycle", "original", "returned"
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour spaces of profiles, and Pillow's modes for them."""
GRID = 17
"""Levels a channel at which a profile is compared with sRGB."""


@dataclass(frozen=True)
class Photograph:
    """`levels`: upright sRGB or grey, (height, width, channels). `alpha`: 8-bit opacity (height, width). `profile`: the ICC
    profile that the result is to carry, None for sRGB; `back`: how sRGB gets there, None where that is sRGB as well."""

    levels: Levels
    alpha: Levels | None = None
    profile: bytes | None = None
    back: Any = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.levels.shape[0], self.levels.shape[1]

    def finished(self, views: Sequence[Levels]) -> Image.Image:
        """Views of this photograph side by side, with its profile and its transparency."""
        channels = max(view.shape[2] for view in views)
        image = images.picture(
            np.concatenate([np.repeat(v, channels // v.shape[2], axis=2) for v in views], axis=1)
        )
        if image.mode == "RGB" and self.back is not None:
            ImageCms.applyTransform(image, self.back, inPlace=True)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(np.tile(self.alpha, (1, len(views)))))
        if self.profile is not None and channels == 3:
            image.info["icc_profile"] = self.profile
        return image


def read(source: Any, channels: int, name: str = "image") -> Photograph:
    """A file or a PIL image of any mode, grey or colour as the network wants it. InputError where it is no picture."""
    image = images.open_picture(source, name)
    try:
        return _read(image, channels)
    except images.BROKEN as error:
        raise InputError(
            name, f"{source} is not a picture that can be read ({images.fault(error)})"
        ) from None


def _read(image: Image.Image, channels: int) -> Photograph:
    if image.mode == "F":
        raise ValueError("levels are floating-point numbers; 8 or 16 bits are needed")
    profile = image.info.get("icc_profile")
    image, alpha = images.shallow(image), None
    if image.has_transparency_data:
        grey, coloured = image.mode in ("L", "LA"), image.convert("RGBA")
        alpha = np.asarray(coloured.getchannel("A"))
        image = image.convert("L") if grey else coloured
    image, back = _to_srgb(image, profile)
    levels = np.array(image.convert("L" if channels == 1 else "RGB"))
    if alpha is not None:
        levels[alpha == 0] = 255  # whatever an editor left where nothing shows
        alpha = None if alpha.min() == 255 else alpha
    levels = levels.reshape(*levels.shape[:2], channels)
    return Photograph(levels, alpha, profile if back is not None else None, back or None)


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Any]:
    """The picture in sRGB, and the way back: a transform, False where none is needed, None where the result is to be plain
    sRGB: there is no profile, it cannot be understood or not be written to, or it is of a grey or a printed picture."""
    if not profile:
        return image, None
    try:
        own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        mode = MODES[own.profile.xcolor_space.strip()]
        if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and image.mode != "L"):
            return image, None
        image = image.convert(mode)
        there = _transform(own, srgb, mode, "RGB")
        if mode == "RGB" and _is_same(there):
            return image, False
        image = _applied(image, there)
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        return image, None
    try:
        return image, _transform(srgb, own, "RGB", "RGB") if mode == "RGB" else None
    except (ImageCms.PyCMSError, OSError):
        return image, None


def _transform(before: Any, after: Any, mode: str, into: str) -> Any:
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    return ImageCms.buildTransform(before, after, mode, into, intent, flags)


def _applied(image: Image.Image, transform: Any) -> Image.Image:
    done = ImageCms.applyTransform(image, transform)
    if done is None:
        raise ValueError("a colour profile that cannot be applied")
    return done


def _is_same(transform: Any) -> bool:
    """Whether no colour changes by more than rounding does."""
    steps = np.linspace(0, 255, GRID).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(GRID, -1, 3)
    return bool(
        np.abs(np.asarray(_applied(Image.fromarray(cube), transform)).astype(int) - cube).max() <= 1
    )


def save(image: Image.Image, path: Path, origin: Origin | None = None) -> None:
    """By extension, atomically; the profile that the picture carries goes with it. JPEG knows no transparency: on white."""
    kind = FORMATS[path.suffix.lower()]
    if kind == "PNG":
        images.save_png(image, path, origin.png_text() if origin else None)
        return
    profile = image.info.get("icc_profile")
    image = images.opaque(image) if kind == "JPEG" else image
    with replacing(path) as temporary:
        image.save(temporary, kind, icc_profile=profile, **OPTIONS[kind])


def check_format(path: Path, photograph: Photograph, show: str | None = None) -> None:
    """UsageError where the file's format cannot hold so large a picture."""
    kind = FORMATS[path.suffix.lower()]
    height, width = photograph.size
    width *= 3 if show == CYCLE else (show or "").count(",") + 1
    if max(height, width) > LONGEST.get(kind, 1 << 31):
        raise UsageError(
            f"{path}: {width:,} x {height:,} pixels; {kind} holds {LONGEST[kind]:,} a side, PNG and TIFF more"
        )


def taken(inputs: Mapping[str, Input], output: object) -> tuple[str, ImageInput] | None:
    """Name and description of the picture that a model takes in any size and gives back in the same; None where it does not."""
    whole = [
        (name, spec)
        for name, spec in inputs.items()
        if isinstance(spec, ImageInput) and spec.size is None
    ]
    fits = isinstance(output, Picture) and output.size is None
    return whole[0] if fits and len(whole) == 1 else None


def required(model: Model) -> tuple[str, ImageInput]:
    """The same; UsageError where it does not."""
    found = taken(model.inputs, model.plugin.output(model.config))
    if found is None:
        fixed = any(isinstance(spec, ImageInput) for spec in model.inputs.values())
        why = "takes pictures of one size only; use sample" if fixed else "takes no picture"
        raise UsageError(f"{model.name}: {model.plugin.name} {why}")
    return found


def cut(spec: ImageInput) -> Cut:
    """How pictures for this input are cut."""
    return Cut(spec.multiple, spec.halo, most=2 * images.PIXELS if spec.whole else tiles.MOST)


def developed(
    model: Model, photograph: Photograph, inputs: Mapping[str, Any], *, show: str | None = None, seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Image.Image:  # fmt: skip
    """The photograph as the model makes it, of its own size. `show`: other views, several (grey,sample) side by side; `cycle`:
    original, translation and the way back. `inputs`: beside the picture. `progress` is told of each tile."""
    name, spec = required(model)
    others = {other: one for other, one in model.inputs.items() if other != name}
    samples.check_names(model.inputs, inputs)
    feed = next(samples.batches(others, inputs, Rows(seed, 1), 1))

    def run(tile: Tensor) -> dict[str, Tensor]:
        with samples.precise(model.device, model.precision):
            made = samples.views(
                model.fast.sample(samples.to_device({name: tile, **feed}, model.device))
            )
            wanted = {
                view: made[view] for view in _views(show, made) if view in made
            }  # no other is made
        if other := [view for view, maps in wanted.items() if maps.shape[2:] != tile.shape[2:]]:
            raise UsageError(f"--show {other[0]}: this view is not of the picture's size")
        return wanted

    made = tiles.through(run, photograph.levels, cut(spec), progress)
    return photograph.finished([made.get(view, photograph.levels) for view in _views(show, made)])


def _views(show: str | None, made: Iterable[str]) -> list[str]:
    """The views that are asked for, in order; `original`, which is no model's to give, may be among them."""
    given = list(made)
    if show == CYCLE and RETURNED in given:
        return [ORIGINAL, samples.SAMPLE, RETURNED]
    names = [samples.SAMPLE] if show is None else [name.strip() for name in show.split(",")]
    if missing := [name for name in names if name not in (*given, ORIGINAL)]:
        known = ", ".join(dict.fromkeys([*given, ORIGINAL]))
        raise UsageError(f"--show {missing[0]}: this model gives {known}")
    return names


def applied(
    model: Model, source: Any, inputs: Mapping[str, Any], *, show: str | None = None, seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Image.Image:  # fmt: skip
    """A file or a PIL image, developed. Saved by Pillow, the result keeps its profile and its transparency."""
    name, spec = required(model)
    return developed(
        model, read(source, spec.channels, name), inputs, show=show, seed=seed, progress=progress
    )


def origin(
    model: Model,
    source: str | Path,
    inputs: Mapping[str, Any],
    *,
    show: str | None = None,
    seed: int = 0,
) -> Origin:
    """What the PNG of a photograph says of its making."""
    name, _ = required(model)
    return msgspec.structs.replace(
        model.origin(seed, 1, 1, {name: str(source), **inputs}), row=0, view=show
    )
