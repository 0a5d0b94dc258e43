"""Strict, frozen configs: how they are built, and the wording of their errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from ganzoo.errors import ConfigError, did_you_mean, near

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
"""A number of steps or images."""
Width = Annotated[int, msgspec.Meta(ge=1, le=4096)]
"""Units of a layer; bounded, so that a small file cannot ask for a giant network."""
Channels = Annotated[
    int, msgspec.Meta(ge=1, le=4, description="Channels of an image: 1 is grey, 3 is RGB.")
]
Pixels = Annotated[int, msgspec.Meta(ge=4, le=1024)]
Rate = Annotated[float, msgspec.Meta(gt=0, le=1)]
"""A learning rate."""
Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e6)]

# settings that many architectures share
Flip = Annotated[bool, msgspec.Meta(description="Mirror half of the images in training.")]
LatentSize = Annotated[int, msgspec.Meta(ge=1, le=4096, description="Size of the latent vector.")]
LatentLaw = Annotated[
    Literal["normal", "uniform"],
    msgspec.Meta(description="Distribution of the latent: N(0, 1), or uniform in [-1, 1]."),
]
FeatureMaps = Annotated[
    int,
    msgspec.Meta(
        ge=4,
        le=256,
        description="Channels of the largest maps; they double as the maps halve.",
    ),
]
RealTarget = Annotated[
    float,
    msgspec.Meta(
        gt=0.5, le=1, description="Target for real images; below 1 is one-sided label smoothing."
    ),
]
Slope = Annotated[Fraction, msgspec.Meta(description="Negative slope of leaky ReLU.")]
GeneratorRate = Annotated[Rate, msgspec.Meta(description="Learning rate of the generator.")]
DiscriminatorRate = Annotated[Rate, msgspec.Meta(description="Learning rate of the discriminator.")]
Beta1 = Annotated[Fraction, msgspec.Meta(description="First-moment decay of Adam.")]
Schedule = Annotated[
    Literal["constant", "linear"],
    msgspec.Meta(
        description="Learning rate: constant, or falling to 0 over the second half of the steps."
    ),
]
Batch = Annotated[int, msgspec.Meta(ge=1, le=65536, description="Examples in a batch.")]
Steps = Annotated[Count, msgspec.Meta(description="Training steps.")]
Ema = Annotated[
    Fraction, msgspec.Meta(description="Decay of the moving average of weights; 0 keeps none.")
]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a plugin's config. Every field has the paper's default, and bounds.

    Raise `ValueError` in `__post_init__` for combinations that make no sense. Build configs only
    with `convert` or `override`: plain construction does not check types.
    """


C = TypeVar("C", bound=Config)
T = TypeVar("T")


def convert(data: Any, kind: type[T], where: str, *, text: bool = False) -> T:
    """Convert `data` (dicts, lists, numbers) to `kind`. `text`: "64" is accepted as a number.

    Raises ConfigError, naming `where`, for unknown keys, wrong types and values out of bounds.
    """
    try:
        return msgspec.convert(data, kind, strict=not text)
    except msgspec.ValidationError as error:
        message = str(error).replace("Object contains unknown field", "unknown setting")
        message = message.replace(" - at `$.", " - at `")
        unknown = re.search(r"unknown setting `([^`]+)`", message)
        if unknown and issubclass(kind, msgspec.Struct):
            names = [field.name for field in msgspec.structs.fields(kind)]
            message += did_you_mean(near(unknown[1], names))
        raise ConfigError(where, message) from None


def plain(value: Any) -> Any:
    """A config (or any Struct) as dicts, lists and numbers."""
    return msgspec.json.decode(msgspec.json.encode(value))


def override(config: C, changes: Mapping[str, Any], where: str = "--set") -> C:
    """`config` with some fields replaced. Values may be text; a comma separates items of a list."""
    if not changes:
        return config
    fields = {field.name: field for field in msgspec.structs.fields(config)}
    for name in changes:
        if name not in fields:
            hint = did_you_mean(near(name, fields))
            raise ConfigError(where, f"no setting {name!r}{hint} (there are: {', '.join(fields)})")
    values = plain(config)
    for name, value in changes.items():
        if isinstance(value, str) and isinstance(values[name], (list, tuple)):
            value = [part.strip() for part in value.split(",") if part.strip()]
        values[name] = value
    return convert(values, type(config), where, text=True)


def differences(old: C, new: C) -> dict[str, tuple[Any, Any]]:
    """The fields in which two configs of one type differ: name -> (old, new)."""
    return {
        n: (getattr(old, n), getattr(new, n))
        for n in old.__struct_fields__
        if getattr(old, n) != getattr(new, n)
    }


def assignments(texts: list[str], where: str = "--set") -> dict[str, str]:
    """["a=1", "b=x=y"] as {"a": "1", "b": "x=y"}."""
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ConfigError(where, f"{text!r} is not of the form name=value")
        pairs[name.strip().replace("-", "_")] = value.strip()
    return pairs


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict. ConfigError where it is missing or malformed."""
    import tomllib

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(str(path), error.strerror or str(error)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(path), f"not TOML that can be read ({error})") from None
