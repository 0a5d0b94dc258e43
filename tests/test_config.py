"""Configurations: built strictly, worded plainly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from ganzoo.config import (
    Channels,
    Config,
    Count,
    Fraction,
    Rate,
    Width,
    assignments,
    convert,
    differences,
    override,
    plain,
    read_toml,
)
from ganzoo.errors import ConfigError, UsageError


class Small(Config, frozen=True, kw_only=True):
    width: Width = 64
    widths: Annotated[tuple[Width, ...], msgspec.Meta(max_length=4)] = (8, 16)
    lr: Rate = 2e-4
    steps: Count = 100
    channels: Channels = 1
    dropout: Fraction = 0.0
    augment: bool = False
    ways: tuple[str, str] = ("A", "B")
    note: str | None = None

    def __post_init__(self) -> None:
        if self.width < self.channels:
            raise ValueError(f"width {self.width} is less than channels {self.channels}")


def test_defaults_and_json() -> None:
    assert convert({}, Small, "x") == Small()
    assert convert(msgspec.json.decode(msgspec.json.encode(Small(width=3))), Small, "x") == Small(
        width=3
    )
    assert plain(Small())["widths"] == [8, 16]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"widht": 3}, ["unknown setting `widht`", "did you mean width or widths?"]),
        ({"qqq": 3}, ["unknown setting `qqq`"]),
        ({"width": "64"}, ["Expected `int`, got `str`", "`width`"]),
        ({"width": 64.5}, ["Expected `int`, got `float`", "`width`"]),
        ({"width": True}, ["Expected `int`, got `bool`"]),
        ({"width": 0}, ["Expected `int` >= 1", "`width`"]),
        ({"width": 10**9}, ["Expected `int` <= 4096", "`width`"]),
        ({"lr": 0.0}, ["Expected `float` > 0"]),
        ({"lr": 1.5}, ["Expected `float` <= 1"]),
        ({"dropout": 1.0}, ["Expected `float` < 1"]),
        ({"widths": [1, 2, 3, 4, 5]}, ["length <= 4"]),
        ({"widths": [1, 5000]}, ["`int` <= 4096", "widths[1]"]),
        ({"ways": ["A"]}, ["of length 2"]),
        ({"width": 2, "channels": 3}, ["width 2 is less than channels 3"]),
        ([], ["Expected `object`"]),
    ],
)
def test_what_is_refused_and_how_it_is_worded(data: Any, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        convert(data, Small, "recipe.toml")
    assert str(caught.value).startswith("recipe.toml: ")
    assert isinstance(caught.value, UsageError)
    for word in words:
        assert word in str(caught.value)


def test_no_near_name_is_offered_where_none_is_near() -> None:
    with pytest.raises(ConfigError) as caught:
        convert({"qqq": 3}, Small, "x")
    assert "did you mean" not in str(caught.value)


def test_frozen() -> None:
    with pytest.raises(AttributeError):
        Small().width = 3  # type: ignore[misc]


def test_override_reads_text_as_the_field_wants_it() -> None:
    changed = override(
        Small(),
        {
            "width": "32",
            "widths": "4, 8,16",
            "lr": "1e-3",
            "augment": "true",
            "ways": "summer,winter",
            "note": "a,b",
        },
    )
    assert changed == Small(
        width=32, widths=(4, 8, 16), lr=1e-3, augment=True, ways=("summer", "winter"), note="a,b"
    )
    assert override(Small(), {"widths": (4,)}).widths == (4,)
    assert override(Small(), {}) == Small()


def test_override_leaves_the_original_alone() -> None:
    config = Small()
    override(config, {"width": "32"})
    assert config.width == 64


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps_": "3"}, "no setting 'steps_'; did you mean steps?"),
        ({"zzz": "3"}, "there are: width, widths, lr,"),
        ({"width": "wide"}, "Expected `int`, got `str`"),
        ({"width": "0"}, "Expected `int` >= 1"),
        ({"widths": "4,x"}, "Expected `int`"),
        ({"width": "1", "channels": "3"}, "width 1 is less than channels 3"),
    ],
)
def test_override_refuses(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(Small(), changes)
    assert str(caught.value).startswith("--set: ")
    assert words in str(caught.value)


def test_differences() -> None:
    assert differences(Small(), Small(width=3, lr=0.5)) == {"width": (64, 3), "lr": (2e-4, 0.5)}
    assert differences(Small(), Small()) == {}


def test_assignments() -> None:
    assert assignments(["a=1", "b-c = x=y"]) == {"a": "1", "b_c": "x=y"}
    for text in ("width", "=3"):
        with pytest.raises(ConfigError, match="name=value"):
            assignments([text])


def test_toml(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('plugin = "x"\n[config]\nwidth = 3\n')
    assert read_toml(path) == {"plugin": "x", "config": {"width": 3}}
    path.write_text("width = = 3")
    with pytest.raises(ConfigError, match=r"recipe\.toml: "):
        read_toml(path)
    with pytest.raises(ConfigError, match=r"none\.toml: .*No such file"):
        read_toml(tmp_path / "none.toml")
