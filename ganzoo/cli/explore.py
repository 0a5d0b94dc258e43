"""`ganzoo explore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output, started
from ganzoo.config import assignments
from ganzoo.errors import OutputExists, UsageError, did_you_mean, near
from ganzoo.zoo import manifest, place

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model
    from ganzoo.sampling.samples import Samples

VIEWS = ("interpolation", "grid", "codes", "truncation", "sentences")
TEXT = "text"
SEEDS = 9
"""Of a walk: eight lines from each to the next."""
FRAMES = 16
SHORT = 128
"""Pixels of a frame's side below which it is enlarged."""


@dataclass(frozen=True)
class Asked:
    """`seeds`: of the walk; the first is that of everything else."""

    seeds: list[int]
    steps: int
    side: int
    span: float
    given: dict[str, Any]


def explore(
    model: Annotated[
        str | None,
        typer.Argument(help="Weights by name, owner/name of the Hub, or a folder (./runs/x)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A folder. Default: <name>-latent.")
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(
            help="Some of interpolation, grid, codes, truncation, sentences; default: all there are."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seeds: Annotated[
        str | None, typer.Option(help="Of the walk: 3,17,42. Default: nine from --seed on.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Pictures in a line of a walk or of a code.")] = 10,
    side: Annotated[int, typer.Option(help="Pictures on each side of the grid.")] = 12,
    span: Annotated[float, typer.Option(help="Codes run from -span to span.")] = 2.0,
    label: Annotated[
        str | None, typer.Option(help="A class by name or number, several (1,2,3), or all.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="A sentence; of several, the way from each to the next is shown, too."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any input that is to be held: name=value.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Look about in a model's latent space: walks between seeds and sentences (PNG and GIF), a plane, codes, truncation."""
    sentence = text[0] if text and len(text) == 1 else text
    given = {
        key: value
        for key, value in {"label": label, TEXT: sentence}.items()
        if value not in (None, [])
    }
    asked = Asked(_seeds(seed, seeds), steps, side, span, {**given, **assignments(set_ or [])})
    _check(asked)
    views = _views(view)
    name = manifest.chosen(model)
    folder = out or Path(f"{place.short(name)}-latent")
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not force)):
        raise OutputExists(folder)

    from ganzoo.cli.progress import transfers
    from ganzoo.sampling.model import Model

    started()
    with transfers() as progress:
        loaded = Model.load(name, device=device, precision=precision, progress=progress)
    for path in _written(loaded, folder, views, asked):
        output.data(str(path))


def _seeds(first: int, listed: str | None) -> list[int]:
    if listed is None:
        return [first + i for i in range(SEEDS)]
    try:
        found = [int(part) for part in listed.split(",")]
    except ValueError:
        raise UsageError(
            f"--seeds {listed}: whole numbers between commas are needed, as in 3,17,42"
        ) from None
    if len(found) < 2:
        raise UsageError(f"--seeds {listed}: a walk needs two at least")
    return found


def _check(asked: Asked) -> None:
    if not all(0 <= seed < 2**62 for seed in asked.seeds):
        raise UsageError("a seed is not in 0 .. 2**62 - 1")
    for option, value, least, most in (
        ("steps", asked.steps, 2, 1000),
        ("side", asked.side, 2, 100),
    ):
        if not least <= value <= most:
            raise UsageError(f"--{option} {value} is not in {least} .. {most}")
    if not 0 < asked.span <= 1000:
        raise UsageError(f"--span {asked.span:g}: a number above 0 and at most 1000 is needed")


def _views(listed: str | None) -> list[str] | None:
    """None: all that there are."""
    found = None if listed is None else [part.strip() for part in listed.split(",")]
    for part in found or []:
        if part not in VIEWS:
            raise UsageError(
                f"no view {part!r}{did_you_mean(near(part, VIEWS))} ({', '.join(VIEWS)})"
            )
    return found


def _written(model: Model, folder: Path, views: list[str] | None, asked: Asked) -> Iterator[Path]:
    """Every file as it is there."""
    from ganzoo.latent import plane, sentences, sweep, truncation, view, walk

    view.latents(model)
    seed, given = asked.seeds[0], asked.given
    texts, others = _told(given)
    sheets: dict[str, Callable[[], Samples]] = {
        "interpolation": lambda: walk.strip(model, asked.seeds, asked.steps, **given),
        "grid": lambda: plane.grid(model, seed, asked.side, **given),
        "truncation": lambda: truncation.table(model, seed, asked.steps, **given),
        "sentences": lambda: sentences.strip(model, texts, seed, asked.steps, **others),
    }
    moving: dict[str, Callable[[], Samples]] = {
        "interpolation": lambda: walk.loop(model, asked.seeds, FRAMES, **given),
        "sentences": lambda: sentences.loop(model, texts, seed, FRAMES, **others),
    }
    for name in views or _there(model, texts):
        if name == "codes":
            view.codes(model)
            for key in sweep.keys(model):
                made = sweep.code(model, key, seed, asked.steps, span=asked.span, **given)
                yield made.save(folder / f"code-{key}.png", force=True)
            continue
        yield sheets[name]().save(folder / f"{name}.png", force=True)
        if name in moving:
            yield from _gif(moving[name](), folder / f"{name}.gif")


def _told(given: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The sentences, and all else."""
    text = given.get(TEXT, [])
    return text if isinstance(text, list) else [text], {
        name: value for name, value in given.items() if name != TEXT
    }


def _there(model: Model, texts: list[str]) -> list[str]:
    """The views that the model has."""
    from ganzoo.latent import sentences, sweep

    lacks = set()
    if not sweep.keys(model):
        lacks.add("codes")
    if len(texts) < 2 or not sentences.possible(model):
        lacks.add("sentences")
    return [name for name in VIEWS if name not in lacks]


def _gif(frames: Samples, path: Path) -> Iterator[Path]:
    """The frames one after another, several classes or seeds side by side; none of points, whose scatter has no place for one."""
    from PIL import Image

    from ganzoo.pictures import images
    from ganzoo.spec import Picture

    if not isinstance(frames.output, Picture):
        return
    length = frames.columns or len(frames)
    sheets = [images.grid(frames.tensor[i::length], gap=0) for i in range(length)]
    times = max(1, -(-SHORT // sheets[0].width))
    large = [
        sheet.resize((times * sheet.width, times * sheet.height), Image.Resampling.NEAREST)
        for sheet in sheets
    ]
    images.save_gif(large, path, seconds=length / 15, rest=0)
    yield path


command = explore
