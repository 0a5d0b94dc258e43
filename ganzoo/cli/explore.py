"""`ganzoo explore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output
from ganzoo.config import assignments
from ganzoo.errors import OutputExists, UsageError, did_you_mean, near
from ganzoo.zoo import manifest, reference

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model
    from ganzoo.sampling.samples import Samples

VIEWS = ("interpolation", "grid", "codes", "truncation", "sentences")
TEXT = "text"
WALK_SEEDS = 9
"""Seeds of a walk: eight lines from each to the next."""
LOOP_STEPS = 16
SMALL_FRAME = 128
"""Frames with a shorter side, in pixels, are enlarged."""


def explore(
    model: Annotated[
        str | None,
        typer.Argument(help="Weights by name, owner/name on the Hub, or a folder (./runs/x)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A folder. Default: <name>-latent.")
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(
            help="Any of interpolation, grid, codes, truncation, sentences. Default: all available."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds of the walk: 3,17,42. Default: nine from --seed on.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Samples in a line of a walk or of a code.")] = 10,
    side: Annotated[int, typer.Option(help="Samples on each side of the grid.")] = 12,
    span: Annotated[float, typer.Option(help="Codes run from -span to span.")] = 2.0,
    label: Annotated[
        str | None, typer.Option(help="A class by name or number, several (1,2,3), or all.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="A prompt. Several also show the way from each to the next."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any input to keep fixed: name=value.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Explore a latent space: walks between seeds and prompts, a plane, codes, truncation."""
    given: dict[str, Any] = {}
    if label is not None:
        given["label"] = label
    if text:
        given[TEXT] = text[0] if len(text) == 1 else text
    given |= assignments(set_ or [])
    walk = list(range(seed, seed + WALK_SEEDS))
    if seeds is not None:
        try:
            walk = [int(part) for part in seeds.split(",")]
        except ValueError:
            raise UsageError(
                f"--seeds {seeds}: whole numbers between commas are needed, as in 3,17,42"
            ) from None
        if len(walk) < 2:
            raise UsageError(f"--seeds {seeds}: a walk needs at least two")
    if not all(0 <= one < 2**62 for one in walk):
        raise UsageError("a seed is not in 0 .. 2**62 - 1")
    for option, value, most in (("steps", steps, 1000), ("side", side, 100)):
        if not 2 <= value <= most:
            raise UsageError(f"--{option} {value} is not in 2 .. {most}")
    if not 0 < span <= 1000:
        raise UsageError(f"--span {span:g}: a number above 0 and at most 1000 is needed")
    views = None if view is None else [part.strip() for part in view.split(",")]
    for part in views or ():
        if part not in VIEWS:
            hint = did_you_mean(near(part, VIEWS))
            raise UsageError(f"no view {part!r}{hint} ({', '.join(VIEWS)})")
    name = manifest.choose_model(model)
    folder = out or Path(f"{reference.shorten(name)}-latent")
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not force)):
        raise OutputExists(folder)

    from ganzoo.cli.progress import show_transfers
    from ganzoo.sampling.model import Model

    with show_transfers() as progress:
        loaded = Model.load(name, device=device, precision=precision, progress=progress)
    for path in _write_views(loaded, folder, views, walk, steps, side, span, given):
        output.data(str(path))


def _write_views(
    model: Model,
    folder: Path,
    views: list[str] | None,
    seeds: list[int],
    steps: int,
    side: int,
    span: float,
    given: dict[str, Any],
) -> Iterator[Path]:
    """Write each view and yield its path. Views other than walks take the first of `seeds`."""
    from ganzoo.latent import plane, prompts, sweep, truncation, varied, walk

    varied.require_latents(model)
    seed = seeds[0]
    texts = given.get(TEXT, [])
    texts = texts if isinstance(texts, list) else [texts]
    others = {name: value for name, value in given.items() if name != TEXT}
    sheets: dict[str, Callable[[], Samples]] = {
        "interpolation": lambda: walk.walk_seeds(model, seeds, steps, **given),
        "grid": lambda: plane.sample_plane(model, seed, side, **given),
        "truncation": lambda: truncation.sample_truncations(model, seed, steps, **given),
        "sentences": lambda: prompts.walk_prompts(model, texts, seed, steps, **others),
    }
    loops: dict[str, Callable[[], Samples]] = {
        "interpolation": lambda: walk.loop_seeds(model, seeds, LOOP_STEPS, **given),
        "sentences": lambda: prompts.loop_prompts(model, texts, seed, LOOP_STEPS, **others),
    }
    if views is None:
        views = list(VIEWS)
        if not sweep.list_code_keys(model):
            views.remove("codes")
        if len(texts) < 2 or not prompts.embeds_text(model):
            views.remove("sentences")
    for name in views:
        if name == "codes":
            varied.require_codes(model)
            for key in sweep.list_code_keys(model):
                samples = sweep.sweep_code(model, key, seed, steps, span=span, **given)
                yield samples.save(folder / f"code-{key}.png", force=True)
            continue
        yield sheets[name]().save(folder / f"{name}.png", force=True)
        if name in loops:
            yield from _write_gif(loops[name](), folder / f"{name}.gif")


def _write_gif(frames: Samples, path: Path) -> Iterator[Path]:
    """Write the frames, several classes or seeds side by side; nothing but images has a GIF."""
    from PIL import Image

    from ganzoo.pictures import images
    from ganzoo.spec import Picture

    if not isinstance(frames.output, Picture):
        return
    count = frames.columns or len(frames)
    sheets = []
    for number in range(count):
        sheet = images.make_grid(frames.tensor[number::count], gap=0)
        factor = max(1, -(-SMALL_FRAME // sheet.width))
        size = (factor * sheet.width, factor * sheet.height)
        sheets.append(sheet.resize(size, Image.Resampling.NEAREST))
    images.save_gif(sheets, path, seconds=count / 15, rest=0)
    yield path
