"""How many samples there are where nobody said, and how they stand in the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import UsageError

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

LINE = 8
"""Pictures of one class or sentence where several are asked for: one line of the grid."""


def default_count(model: Model, given: dict[str, Any]) -> int:
    """One for each picture given, a line for each class or sentence given, else by what the model makes."""
    from ganzoo.inputs import Image
    from ganzoo.spec import Picture, Points

    for name, spec in model.inputs.items():
        if isinstance(spec, Image):
            return len(given[name]) if isinstance(given.get(name), list) else 1
    kinds = _kinds(model, given)
    if kinds > 1:
        return LINE * kinds
    output_kind = model.plugin.output(model.config)
    return (
        64 if isinstance(output_kind, Picture) else 1000 if isinstance(output_kind, Points) else 16
    )


def columns(model: Model, given: dict[str, Any], n: int) -> int | None:
    """Those that give each class or sentence its own line of the grid; None where one is asked for, or `n` does not share out."""
    kinds = _kinds(model, given)
    return n // kinds if kinds > 1 and n % kinds == 0 else None


def check_grid(model: Model, given: dict[str, Any], n: int, columns: int | None) -> None:
    """Before any work: UsageError where a grid would be too large."""
    from ganzoo.pictures import lettered
    from ganzoo.pictures.images import grid_shape
    from ganzoo.sampling import samples
    from ganzoo.spec import Picture

    shown = model.plugin.output(model.config)
    if not isinstance(shown, Picture):
        return
    side, sentences = shown.size or 1, len(samples.sentences(model.inputs, given))
    if lettered.fits(n, sentences, columns):
        lettered.check(sentences, n // sentences, side, side, columns)
    else:
        grid_shape(n, side, side, columns)


def view(cycle: bool, stages: bool, show: str | None) -> str | None:
    """The view that is asked for, by whichever of its names. UsageError for two."""
    asked = [name for name, wanted in {"cycle": cycle, "stages": stages}.items() if wanted] + [
        show
    ] * (show is not None)
    if len(asked) > 1:
        raise UsageError(
            "--cycle is --show cycle, --stages is --show stages; give one of the three"
        )
    return asked[0] if asked else None


def _kinds(model: Model, given: dict[str, Any]) -> int:
    """How many classes or sentences are asked for."""
    from ganzoo.inputs import Label, Text

    asked = model.inputs.items()
    return sum(
        spec.count(given[name])
        for name, spec in asked
        if isinstance(spec, (Label, Text)) and name in given
    )
