"""Translate a photograph and keep its size, colour profile and transparency.

The network sees upright 8-bit sRGB. The result is upright too and carries no EXIF: an orientation
tag would turn it a second time, and an embedded thumbnail or location would still be the
original's.
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
from ganzoo.photographs.tiles import Levels, Tiling
from ganzoo.pictures import images
from ganzoo.sampling import generation
from ganzoo.sampling.feed import batch_inputs, check_names, move_to_device
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
SAVE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_deflate"},
}
LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
"""Limit of the format, in pixels."""
CYCLE, ORIGINAL, RETURNED = "cycle", "original", "returned"
PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space of an ICC profile -> Pillow's mode."""
COMPARED_LEVELS = 17
"""Levels of each channel at which a profile is compared with sRGB."""


@dataclass(frozen=True)
class Photograph:
    """A decoded photograph.

    `levels`: upright sRGB or grey, (height, width, channels). `alpha`: 8-bit opacity, (height,
    width). `profile`: the ICC profile of the result, None for sRGB. `from_srgb`: the transform from
    sRGB to `profile`, None where both are sRGB."""

    levels: Levels
    alpha: Levels | None = None
    profile: bytes | None = None
    from_srgb: Any = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.levels.shape[0], self.levels.shape[1]

    def assemble(self, views: Sequence[Levels]) -> Image.Image:
        """Put views of this photograph side by side, with its profile and transparency."""
        channels = max(view.shape[2] for view in views)
        columns = [np.repeat(view, channels // view.shape[2], axis=2) for view in views]
        image = images.make_image(np.concatenate(columns, axis=1))
        if image.mode == "RGB" and self.from_srgb is not None:
            ImageCms.applyTransform(image, self.from_srgb, inPlace=True)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(np.tile(self.alpha, (1, len(views)))))
        if self.profile is not None and channels == 3:
            image.info["icc_profile"] = self.profile
        return image


def read_photograph(source: Any, channels: int, name: str = "image") -> Photograph:
    """Read a file or a PIL image of any mode; `channels` is 1 for grey, 3 for colour.

    InputError, for input `name`, where it is no readable image."""
    image = images.open_image(source, name)
    try:
        if image.mode == "F":
            raise ValueError("levels are floating-point numbers; 8 or 16 bits are needed")
        profile = image.info.get("icc_profile")
        image, alpha = images.reduce_to_8_bits(image), None
        if image.has_transparency_data:
            is_grey, rgba = image.mode in ("L", "LA"), image.convert("RGBA")
            alpha = np.asarray(rgba.getchannel("A"))
            image = image.convert("L") if is_grey else rgba
        image, profile, from_srgb = _convert_to_srgb(image, profile)
        levels = np.array(image.convert("L" if channels == 1 else "RGB"))
        if alpha is not None:
            levels[alpha == 0] = 255  # hides what an editor left under full transparency
            alpha = None if alpha.min() == 255 else alpha
        levels = levels.reshape(*levels.shape[:2], channels)
    except images.IMAGE_ERRORS as error:
        raise InputError(
            name, f"{source} is not a readable image ({images.describe_fault(error)})"
        ) from None
    return Photograph(levels, alpha, profile, from_srgb)


def _convert_to_srgb(
    image: Image.Image, profile: bytes | None
) -> tuple[Image.Image, bytes | None, Any]:
    """The image in sRGB, the profile to keep, and the transform from sRGB to that profile.

    No profile is kept where it is broken, works in one direction only, or is for grey or print.
    There is no transform where the profile is sRGB itself."""
    if not profile:
        return image, None, None
    try:
        own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        mode = PROFILE_MODES[own.profile.xcolor_space.strip()]
        if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and image.mode != "L"):
            return image, None, None
        image = image.convert(mode)
        to_srgb = _build_transform(own, srgb, mode)
        if mode == "RGB":
            steps = np.linspace(0, 255, COMPARED_LEVELS).round().astype(np.uint8)
            colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
            converted = np.asarray(_apply_transform(Image.fromarray(colours), to_srgb))
            if np.abs(converted.astype(int) - colours).max() <= 1:  # sRGB, up to rounding
                return image, profile, None
        image = _apply_transform(image, to_srgb)
        if mode == "RGB":
            return image, profile, _build_transform(srgb, own, "RGB")
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        pass
    return image, None, None


def _build_transform(source: Any, target: Any, mode: str) -> Any:
    return ImageCms.buildTransform(
        source,
        target,
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _apply_transform(image: Image.Image, transform: Any) -> Image.Image:
    result = ImageCms.applyTransform(image, transform)
    if result is None:
        raise ValueError("the colour profile cannot be applied")
    return result


def save_photograph(image: Image.Image, path: Path, origin: Origin | None = None) -> None:
    """Write atomically, in the format of the extension, with the colour profile of `image`.

    JPEG has no transparency: the image is put on white."""
    kind = FORMATS[path.suffix.lower()]
    if kind == "PNG":
        images.save_png(image, path, origin.png_text() if origin else None)
        return
    profile = image.info.get("icc_profile")
    image = images.lay_on_white(image) if kind == "JPEG" else image
    with replacing(path) as temporary:
        image.save(temporary, kind, icc_profile=profile, **SAVE_OPTIONS[kind])


def check_format(path: Path, photograph: Photograph, show: str | None = None) -> None:
    """UsageError where the format of `path` cannot hold so large an image."""
    kind = FORMATS[path.suffix.lower()]
    height, width = photograph.size
    width *= 3 if show == CYCLE else (show or "").count(",") + 1
    if kind in LONGEST_SIDE and max(height, width) > LONGEST_SIDE[kind]:
        raise UsageError(
            f"{path}: {width:,} x {height:,} pixels; {kind} holds {LONGEST_SIDE[kind]:,} a side, "
            "PNG and TIFF hold more"
        )


def find_image_input(inputs: Mapping[str, Input], output: object) -> tuple[str, ImageInput] | None:
    """The one image input of any size, where the output has the same size; else None."""
    found = [
        (name, spec)
        for name, spec in inputs.items()
        if isinstance(spec, ImageInput) and spec.has_any_size
    ]
    keeps_size = isinstance(output, Picture) and output.size is None
    return found[0] if keeps_size and len(found) == 1 else None


def require_image_input(model: Model) -> tuple[str, ImageInput]:
    """`find_image_input` of a model; UsageError where there is none."""
    found = find_image_input(model.inputs, model.plugin.output(model.config))
    if found is None:
        fixed = any(isinstance(spec, ImageInput) for spec in model.inputs.values())
        why = "takes images of one size only; use sample" if fixed else "takes no image"
        raise UsageError(f"{model.name}: {model.plugin.name} {why}")
    return found


def choose_tiling(spec: ImageInput) -> Tiling:
    """How images for this input are cut into tiles."""
    at_once = 2 * images.PIXEL_LIMIT if spec.whole else tiles.PIXELS_AT_ONCE
    return Tiling(spec.multiple, spec.halo, at_once=at_once)


def translate_photograph(
    model: Model,
    photograph: Photograph,
    inputs: Mapping[str, Any],
    *,
    show: str | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Image.Image:
    """Translate a photograph at its own size.

    `inputs`: all but the image. `show`: other views, several side by side ("grey,sample"); "cycle"
    is original, translation and the way back. `progress` is called after each tile."""
    name, spec = require_image_input(model)
    others = {other: one for other, one in model.inputs.items() if other != name}
    check_names(model.inputs, inputs)
    feed = next(batch_inputs(others, inputs, Rows(seed, 1), 1))

    def run(tile: Tensor) -> dict[str, Tensor]:
        with generation.autocast(model.device, model.precision):
            batch = move_to_device({name: tile, **feed}, model.device)
            views = generation.name_views(model.fast.sample(batch))
            chosen = _choose_views(show, views)
            shown = {view: views[view] for view in chosen if view in views}  # computes no other
        for view, maps in shown.items():
            if maps.shape[2:] != tile.shape[2:]:
                raise UsageError(f"--show {view}: this view does not have the size of the image")
        return shown

    results = tiles.run_tiled(run, photograph.levels, choose_tiling(spec), progress)
    return photograph.assemble(
        [results.get(view, photograph.levels) for view in _choose_views(show, results)]
    )


def _choose_views(show: str | None, available: Iterable[str]) -> list[str]:
    """Names of the views to show, in order. `original` may be among them; no model returns it."""
    names = list(available)
    if show == CYCLE and RETURNED in names:
        return [ORIGINAL, generation.SAMPLE, RETURNED]
    chosen = [generation.SAMPLE] if show is None else [name.strip() for name in show.split(",")]
    for name in chosen:
        if name not in (*names, ORIGINAL):
            known = ", ".join(dict.fromkeys([*names, ORIGINAL]))
            raise UsageError(f"--show {name}: this model gives {known}")
    return chosen


def translate_image(
    model: Model,
    source: Any,
    inputs: Mapping[str, Any],
    *,
    show: str | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Image.Image:
    """Read and translate a file or a PIL image, see `translate_photograph`.

    The result keeps its profile and transparency when Pillow saves it."""
    name, spec = require_image_input(model)
    photograph = read_photograph(source, spec.channels, name)
    return translate_photograph(model, photograph, inputs, show=show, seed=seed, progress=progress)


def describe_origin(
    model: Model,
    source: str | Path,
    inputs: Mapping[str, Any],
    *,
    show: str | None = None,
    seed: int = 0,
) -> Origin:
    """The origin that the PNG of a translated photograph records."""
    name, _ = require_image_input(model)
    origin = model.origin(seed, 1, 1, {name: str(source), **inputs})
    return msgspec.structs.replace(origin, row=0, view=show)
