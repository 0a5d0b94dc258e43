"""Pull and verify: what stands in the manifest is what lies on disk, and what lies on disk makes what it made before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganzoo.errors import WeightsError
from ganzoo.release import verification
from tests.cli.conftest import Call, Site


def spot(levels: int) -> Any:
    """One value moved by so many grey levels."""

    def change(rows: Any) -> Any:
        rows = rows.copy()
        rows.flat[7] = int(rows.flat[7]) + (levels if rows.flat[7] < 128 else -levels)
        return rows

    return change


def shift(rows: Any) -> Any:
    return np.where(rows < 255, rows + 1, rows - 1).astype(np.uint8)


def test_a_model_gives_its_golden_rows(ganzoo: Call, site: Site) -> None:
    site.publish("shapes-small")
    assert (
        ganzoo("verify", "shapes-small").stdout
        == "ok    shapes-small  mean 0.000, maximum 0.000 grey levels of 255\n"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spot(3), None),
        (spot(4), "4.0 at worst"),
        (shift, "by 1.00 grey levels on average"),
        (
            lambda rows: rows[:3],
            "golden.npz: holds uint8 [3, 8, 8, 1], the model gives uint8 [4, 8, 8, 1]",
        ),
        (lambda rows: rows / 255, "holds float64"),
        (lambda rows: np.zeros(1 << 27, dtype=np.uint8), "unpacks to more than"),
    ],
    ids=["a spot within bounds", "a spot", "a shift", "too few rows", "another kind", "a bomb"],
)
def test_how_far_rows_may_differ(ganzoo: Call, site: Site, change: Any, words: str | None) -> None:
    site.publish("shapes-small", change)
    done = ganzoo("verify", "shapes-small", code=1 if words else 0)
    assert done.stdout.startswith("FAIL" if words else "ok")
    assert (words or "maximum 3.000") in done.stdout


def test_weights_that_make_other_rows_fail(site: Site, ganzoo: Call) -> None:
    """The golden rows are compared with what the weights make, not with themselves."""
    site.publish("shapes-small")
    other = site.publish("shapes-other", lambda rows: np.flip(rows, axis=0))
    assert other.is_dir()
    done = ganzoo("verify", "shapes-small", "shapes-other", code=1)
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", "shapes-small"],
        ["FAIL", "shapes-other"],
    ]


def test_a_flipped_byte_is_never_loaded(site: Site, ganzoo: Call) -> None:
    path = site.publish("shapes-small") / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    for words in (["pull", "shapes-small"], ["sample", "shapes-small", "--seed", 0]):
        done = ganzoo(*words, code=1)
        assert "sha256 is" in done.stderr
        assert done.stdout == ""
    assert "sha256 is" in ganzoo("verify", "shapes-small", code=1).stdout
    assert list(Path().iterdir()) == []


def test_a_missing_file(site: Site, ganzoo: Call) -> None:
    (site.publish("shapes-small") / "golden.npz").unlink()
    assert "golden.npz: missing" in ganzoo("verify", "shapes-small", code=1).stdout


def test_pull_prints_the_folder(site: Site, ganzoo: Call) -> None:
    folder = site.publish("shapes-small")
    done = ganzoo("pull", "shapes-small")
    assert done.stdout == f"{folder}\n"
    assert "3 files checked" in done.stderr
    assert "did you mean shapes-small?" in ganzoo("pull", "shapes-smal", code=2).stderr


def test_the_models_of_a_third_party_are_listed_and_shown(site: Site, ganzoo: Call) -> None:
    site.publish("shapes-small")
    site.publish("shapes-large")
    rows = json.loads(ganzoo("list", "shapes*", "--json").stdout)
    assert [row["name"] for row in rows["plugins"]] == ["shapes"]
    assert [row["name"] for row in rows["weights"]] == ["shapes-large", "shapes-small"]
    assert rows["weights"][0]["bytes"] == sum(
        file.bytes for file in site.models["shapes-large"].files.values()
    )
    assert [
        row["name"] for row in json.loads(ganzoo("list", "shapes", "--json").stdout)["weights"]
    ] == [
        "shapes-large",
        "shapes-small",
    ], "the name of an architecture shows its models"
    assert "ganzoo-shapes" in ganzoo("list", "--plugins").stdout
    shown = json.loads(ganzoo("info", "shapes-small", "--json").stdout)
    assert shown["licence"] == "mit"
    assert (
        shown["files"]["model.safetensors"]["sha256"]
        == site.models["shapes-small"].files["model.safetensors"].sha256
    )
    assert set(shown["inputs"]) == {"latent", "label"}
    assert json.loads(ganzoo("info", "shapes", "--json").stdout)["weights"] == [
        "shapes-large",
        "shapes-small",
    ]


@pytest.mark.parametrize("plugin", ["tiny_text", "tiny_unpaired", "tiny_curve", "tiny_codes"])
def test_golden_rows_of_any_kind_of_model(plugin: str, tmp_path: Path) -> None:
    """Pictures and sentences that only a user can give are made up, the same every time."""
    from ganzoo.sampling.model import Model
    from tests.cli.conftest import publish

    publish(tmp_path, plugin, f"{plugin}-x")
    model = Model.load(tmp_path / "weights" / f"{plugin}-x", device="cpu", precision="fp32")
    first, again, other = (verification.sample_golden(model, seed, 3) for seed in (5, 5, 6))
    assert len(first) == 3
    assert first.dtype == ("float32" if plugin == "tiny_curve" else "uint8")
    assert (first == again).all()
    assert (first != other).any()


def test_differences_of_numbers_are_in_grey_levels() -> None:
    made = np.zeros((2, 2), np.float32)
    stored = made.copy()
    stored[0, 0] = 2 / 255
    assert verification.compare(made, stored) == (pytest.approx(0.25), pytest.approx(1))  # type: ignore[comparison-overlap]
    with pytest.raises(WeightsError):
        verification.compare(made, stored.astype(np.float64))


def test_what_is_not_a_number_is_within_no_bound() -> None:
    rows = np.zeros((2, 2), np.float32)
    mean, worst = verification.compare(rows, np.full_like(rows, np.nan))
    assert not mean <= verification.MEAN
    assert not worst <= verification.WORST
