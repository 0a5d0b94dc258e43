"""Groups of figures that `ganzoo eval --figures` selects. Light: no torch.

To add a group, write a function from Evidence to drafts (evidence.py) and name it in GROUPS. A
package of yours announces a Group under the entry-point group `ganzoo.figures`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ganzoo import extensions
from ganzoo.errors import UsageError, did_you_mean, near

ENTRY_POINTS = "ganzoo.figures"
EXTRACTOR_POINTS = "ganzoo.extractors"
"""Entry-point group: name -> function of a torch.device that returns an Extractor."""


@dataclass(frozen=True)
class Group:
    """`summary`: names of the figures; `function`: "module:name" of a Measure, imported on use.

    `translators`: whether it is a MeasureTranslator, for models that translate images."""

    summary: str
    function: str
    translators: bool = False

    def load(self) -> Any:
        """Import the function."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)


GROUPS = {
    "fid": Group("Frechet distance", "ganzoo.evaluate.figures:measure_frechet"),
    "kid": Group("kernel distance", "ganzoo.evaluate.figures:measure_kernel"),
    "prdc": Group("precision, recall, density, coverage", "ganzoo.evaluate.figures:measure_prdc"),
    "is": Group("Inception score", "ganzoo.evaluate.figures:measure_inception"),
    "classes": Group("class shares and accuracy", "ganzoo.evaluate.figures:measure_classes"),
    "msssim": Group("MS-SSIM of pairs", "ganzoo.evaluate.figures:measure_diversity"),
    "translation": Group(
        "domain reached, cycle and edges kept by a translator",
        "ganzoo.evaluate.translation:measure_translation",
        translators=True,
    ),
    "codes": Group("meaning of an InfoGAN's codes", "ganzoo.evaluate.codes:measure_codes"),
}
FORMER = {"balls": "prdc"}
"""Former names, which older commands use."""


def blame_group(name: str) -> AbstractContextManager[None]:
    """A context whose errors name the group and its package, unless it is ours."""
    if name in GROUPS:
        return nullcontext()
    return extensions.blame(extensions.find(ENTRY_POINTS)[name][0], "figure")


def select_groups(names: Iterable[str]) -> dict[str, Group]:
    """Groups by name, all of ours if none is named; UsageError for an unknown one.

    Groups of other packages are loaded only by name."""
    points = extensions.find(ENTRY_POINTS)
    known = [*GROUPS, *(name for name in points if name not in GROUPS)]
    selected = {}
    for name in [FORMER.get(name, name) for name in names] or GROUPS:
        if name not in known:
            hint = did_you_mean(near(name, known))
            raise UsageError(f"--figures {name}: unknown{hint} (available: {', '.join(known)})")
        ours = GROUPS.get(name)
        selected[name] = ours or extensions.load(points[name], Group, "figure")
    return selected
