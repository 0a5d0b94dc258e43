"""Groups of figures, and extractors, of this package and of others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganzoo.errors import BrokenPlugin, UsageError
from ganzoo.evaluate import extractors
from ganzoo.evaluate.evidence import Draft
from ganzoo.evaluate.groups import GROUPS, blame_group, select_groups
from ganzoo.evaluate.resampling import Interval

MODULE = """
from ganzoo.evaluate.groups import Group

group = Group("brightness", "ganzoo_dim:measure")
number = 5

def measure(evidence):
    from ganzoo.evaluate.evidence import Draft
    from ganzoo.evaluate.resampling import bootstrap
    rows = evidence.fake.pictures.float().mean((1, 2, 3))
    yield Draft(name="brightness", value=float(rows.mean()), interval=bootstrap(rows), bare=True)

class Mean:
    name, sha256, dims, outputs, classes, scores = "mean", "0" * 64, 2, 2, (), False

    def __init__(self, device):
        self.device = device

    def resizes(self, side):
        return "none"

    def __call__(self, levels):
        values = levels.float().flatten(1)
        both = values.mean(1)[:, None].repeat(1, 2)
        return both, both
"""
POINTS = """[ganzoo.figures]
bright = ganzoo_dim:group
broken = ganzoo_dim:number
fid = ganzoo_dim:group

[ganzoo.extractors]
mean = ganzoo_dim:Mean
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with figures and an extractor."""
    (tmp_path / "ganzoo_dim.py").write_text(MODULE)
    information = tmp_path / "ganzoo_dim-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-dim\nVersion: 1\n")
    (information / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ganzoo_dim", raising=False)  # of other tests


def test_every_group_can_be_loaded() -> None:
    for group in GROUPS.values():
        assert callable(group.load())


def test_selected_groups() -> None:
    assert list(select_groups(())) == list(GROUPS)
    assert list(select_groups(("kid", "fid"))) == ["kid", "fid"]
    assert list(select_groups(("balls",))) == ["prdc"], "the former name"
    with pytest.raises(UsageError, match="--figures fdi: unknown; did you mean fid"):
        select_groups(("fdi",))


@pytest.mark.usefixtures("package")
def test_figures_of_another_package() -> None:
    group = select_groups(("bright",))["bright"]
    assert group.load().__name__ == "measure"
    with pytest.raises(BrokenPlugin, match="number is a int"):
        select_groups(("broken",))


@pytest.mark.usefixtures("package")
def test_errors_name_the_figure_or_extractor_and_its_package() -> None:
    said = "figure 'bright' of ganzoo-dim is broken: ZeroDivisionError"
    with pytest.raises(BrokenPlugin, match=said), blame_group("bright"):
        1 / 0  # noqa: B018
    with pytest.raises(ZeroDivisionError), blame_group("fid"):
        1 / 0  # noqa: B018
    with pytest.raises(UsageError), blame_group("bright"):
        raise UsageError("for the user")
    found = extractors.find_extractor("mean", "anything", torch.device("cpu"))
    with pytest.raises(BrokenPlugin, match="extractor 'mean' of ganzoo-dim is broken: Attrib"):
        found(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"value": torch.tensor(1.0)}, "figure 'bright': value is a Tensor, not a float"),
        ({"value": np.float64(1)}, "figure 'bright': value is a float64, not a float"),
        ({"spread": torch.tensor(1.0)}, "figure 'bright': spread is a Tensor"),
        ({"shares": {"a": np.float32(1)}}, "figure 'bright': a is a float32"),
        ({"interval": Interval(0.0, np.float64(1))}, "interval.high is a float64"),
        ({"interval": (0.0, 1.0)}, "interval is a tuple, not Interval"),
        ({"better": "sideways"}, "better is 'sideways', not low, high or level"),
    ],
)
def test_a_wrong_draft_is_refused_when_it_is_made(wrong: dict[str, Any], said: str) -> None:
    fields: dict[str, Any] = {"name": "bright", "value": 1.0, "interval": Interval(0.0, 1.0)}
    with pytest.raises((TypeError, ValueError), match=said):
        Draft(**{**fields, **wrong})


@pytest.mark.usefixtures("package")
def test_an_extractor_of_another_package() -> None:
    found = extractors.find_extractor("mean", "anything", torch.device("cpu"))
    features, _ = found(torch.full((3, 1, 4, 4), 7, dtype=torch.uint8))
    assert features.tolist() == [[7, 7]] * 3
    with pytest.raises(UsageError, match="did you mean mean"):
        extractors.find_extractor("meam", "anything", torch.device("cpu"))
