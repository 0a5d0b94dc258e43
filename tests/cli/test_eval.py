"""`ganzoo eval` and `ganzoo extractor` from end to end, on made-up pictures."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo import load
from ganzoo.data.sources import open_set
from ganzoo.evaluate import extractors, requests, translation
from ganzoo.evaluate.evidence import Evidence
from ganzoo.evaluate.groups import GROUPS
from ganzoo.evaluate.neighbours import Neighbours
from ganzoo.evaluate.observed import Observed
from ganzoo.evaluate.protocol import Report
from ganzoo.spec import Data, Picture
from ganzoo.zoo.manifest import Metric
from tests.cli.conftest import Call
from tests.evaluate.drawn import CLASSES, folder
from tests.shapes import shapes as captioned

EVERY = {
    "FID",
    "KID",
    "precision",
    "recall",
    "density",
    "coverage",
    "Inception score",
    "smallest class share",
    "largest class share",
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The data, and an extractor that knows them."""
    from ganzoo.evaluate import extractor_training

    home = tmp_path_factory.mktemp("shapes")
    extractor_training.train_extractor(
        str(folder(home / "shapes", 60, 40)),
        home / "shapes-classes.safetensors",
        epochs=10,
        device="cpu",
    )
    return home / "shapes", home / "shapes-classes.safetensors"


@pytest.fixture
def run(ganzoo: Call, shapes: tuple[Path, Path], tmp_path: Path) -> Path:
    """A finished run on the data."""
    return trained(ganzoo, shapes[0], tmp_path / "run", 0)


def trained(ganzoo: Call, data: Path, out: Path, seed: int) -> Path:
    options = (
        "--steps",
        4,
        "--batch-size",
        8,
        "--device",
        "cpu",
        "--out",
        out,
        "--seed",
        seed,
        "--sample-every",
        0,
    )
    ganzoo("train", "tiny_class", "--data", data, *options)
    return out


def test_training_and_listing_extractors(
    ganzoo: Call, shapes: tuple[Path, Path], tmp_path: Path
) -> None:
    done = ganzoo(
        "extractor",
        "train",
        "--data",
        shapes[0],
        "--epochs",
        1,
        "-o",
        "x.safetensors",
        "--device",
        "cpu",
    )
    assert done.stdout.strip() == "x.safetensors"
    assert "% of the 120 images of the test split correct" in done.stderr
    assert (tmp_path / "x.json").is_file()
    assert (
        "x.safetensors exists"
        in ganzoo("extractor", "train", "--data", shapes[0], "-o", "x.safetensors", code=2).stderr
    )
    listed = json.loads(ganzoo("extractor", "list", "--json").stdout)
    assert {row["name"] for row in listed} == set(extractors.list_packaged())


def test_a_run_is_measured_and_its_folder_says_so(
    ganzoo: Call, shapes: tuple[Path, Path], run: Path
) -> None:
    data, extractor = shapes
    words = (
        "eval",
        run,
        "--data",
        data,
        "--extractor",
        extractor,
        "-n",
        200,
        "--device",
        "cpu",
        "--metrics",
        "metrics.json",
    )
    done = ganzoo(*words, "--json")
    report = msgspec.json.decode(done.stdout, type=Report)
    assert report == msgspec.json.decode((run / "evaluation.json").read_bytes(), type=Report)
    assert {figure.name for figure in report.figures} == {
        *EVERY,
        "class accuracy",
        "MS-SSIM",
        "MS-SSIM of the data",
    }
    for figure in report.figures:
        assert figure.low <= figure.value <= figure.high
        protocol = figure.protocol
        assert (protocol.data, protocol.split, protocol.channels, protocol.size) == (
            "shapes",
            "train",
            1,
            16,
        )
        assert (protocol.extractor, protocol.sha256) == (
            "shapes-classes",
            extractors.read_verified(extractor).sha256,
        )
        assert (protocol.ema, protocol.seed, protocol.precision, protocol.resizer) == (
            True,
            0,
            "fp32",
            "none",
        )
    by_name = {figure.name: figure for figure in report.figures}
    assert (by_name["FID"].protocol.real, by_name["FID"].protocol.fake) == (180, 200)
    assert sum(by_name["largest class share"].shares.values()) == pytest.approx(1)
    assert set(by_name["class accuracy"].shares) == set(CLASSES)
    assert report.weights == load(run.absolute()).digest
    assert report.command.startswith(
        "ganzoo eval ./run --data shapes --extractor shapes-classes.safetensors --samples 200"
    )
    assert "warning: Frechet distance: only 180 images, 2,560 are advised" in done.stderr
    metrics = msgspec.json.decode(Path("metrics.json").read_bytes(), type=list[Metric])
    assert [metric.name for metric in metrics] == [figure.name for figure in report.figures]
    with Image.open(run / "neighbours.png") as picture:
        assert picture.size == (6 * 18 + 2, 16 * 18 + 2)
    assert "metrics.json exists" in ganzoo(*words, code=2).stderr


def test_a_table_for_people(ganzoo: Call, shapes: tuple[Path, Path], model: Any) -> None:
    data, extractor = shapes
    words = (
        "eval",
        model("tiny_vae"),
        "--data",
        data,
        "--extractor",
        extractor,
        "-n",
        100,
        "--figures",
        "fid,classes",
    )
    shown = ganzoo(*words, "--split", "test", "--device", "cpu")
    assert [line.split("  ")[0] for line in shown.stdout.splitlines()[1:]] == [
        "Frechet distance",
        "smallest class share",
        "largest class share",
    ]
    assert "120 images of shapes (test split)" in shown.stderr
    assert "class shares: checks" in shown.stderr
    assert not (Path.cwd() / "evaluation.json").exists()


@pytest.mark.parametrize("group", ["is", "msssim"])
def test_the_protocol_shown_is_that_of_the_evaluation(
    ganzoo: Call, shapes: tuple[Path, Path], run: Path, group: str
) -> None:
    """Not that of one figure, which may leave out images and has settings of its own."""
    words = ("eval", run, "--data", shapes[0], "--extractor", shapes[1], "-n", 100)
    shown = ganzoo(*words, "--figures", group, "--device", "cpu").stderr
    line = next(line for line in shown.splitlines() if line.startswith("run: "))
    assert "run: 100 samples from seed 0, 180 images of shapes (train split), shapes-" in line
    assert "splits" not in line
    assert "scales" not in line


def test_the_command_of_a_report_repeats_its_figures(
    ganzoo: Call, shapes: tuple[Path, Path], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("eval", run, "--data", shapes[0], "--extractor", shapes[1], "-n", 100)
    first = json.loads(ganzoo(*words, "--figures", "kid,classes", "--json").stdout)
    assert first["command"].endswith(" --seed 0 --figures kid,classes")
    monkeypatch.chdir(shapes[0].parent)
    (shapes[0].parent / "run").symlink_to(run)
    again = json.loads(ganzoo(*shlex.split(first["command"])[1:], "--json", "--force").stdout)
    (shapes[0].parent / "run").unlink()
    assert again["figures"] == first["figures"]
    assert again["command"] == first["command"]


def test_the_same_again_is_the_same_figure(
    ganzoo: Call, shapes: tuple[Path, Path], model: Any
) -> None:
    """Whatever the batches are."""
    name = model("tiny_class")

    def fid(*more: object) -> float:
        words = (
            "eval",
            name,
            "--data",
            shapes[0],
            "--extractor",
            shapes[1],
            "-n",
            150,
            "--figures",
            "fid",
            "--device",
            "cpu",
            "--json",
        )
        return float(json.loads(ganzoo(*words, *more).stdout)["figures"][0]["value"])

    assert fid() == fid() == pytest.approx(fid("--batch-size", 17), rel=1e-5)
    assert fid("--seed", 1) != fid()


def test_two_side_by_side(
    ganzoo: Call, shapes: tuple[Path, Path], model: Any, run: Path, tmp_path: Path
) -> None:
    data, extractor = shapes
    common = (
        "--data",
        data,
        "--extractor",
        extractor,
        "-n",
        120,
        "--figures",
        "fid,kid",
        "--device",
        "cpu",
    )
    shown = ganzoo("eval", "--compare", run, trained(ganzoo, data, tmp_path / "other", 1), *common)
    assert shown.stdout.split()[:3] == ["figure", "run", "other"]
    assert {" ".join(line.split()[:2]) for line in shown.stdout.splitlines()[1:]} == {
        "Frechet distance",
        "kernel distance",
    }
    told = ganzoo("eval", "--compare", run, model("tiny_class"), *common, code=2).stderr
    assert (
        "were measured differently: size 16 and 8; resizer none and bilinear antialiased 8 to 16"
        in told
    )
    ganzoo("eval", run, *common, "-o", "a.json")
    ganzoo(
        "eval",
        run,
        *common[:-4],
        "--figures",
        "fid",
        "--device",
        "cpu",
        "--split",
        "test",
        "-o",
        "b.json",
    )
    told = ganzoo("eval", "--compare", "a.json", "b.json", code=2).stderr
    assert "were measured differently: digest" in told
    assert "split train and test" in told
    same = json.loads(ganzoo("eval", "--compare", "a.json", "a.json", "--json").stdout)
    assert [(pair["name"], pair["apart"], pair["unlike"]) for pair in same] == [
        ("FID", False, []),
        ("KID", False, []),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "DATA", "--extractor", "FILE", "-n", 50), "--samples 50: at least 100"),
        (
            ("--data", "DATA", "--extractor", "FILE", "--real", 181),
            "--real 181: shapes has 180 images",
        ),
        (("--data", "DATA", "--extractor", "FILE", "--figures", "fdi"), "did you mean fid"),
        (
            ("--data", "DATA", "--extractor", "FILE", "--split", "valid"),
            "--split valid: must be train or test",
        ),
        (("--data", "DATA"), "no extractor was trained on 'shapes'"),
        (("--extractor", "FILE"), "--data is required"),
        (("--data", "DATA", "--compare"), "--compare takes two"),
        (("more", "--data", "DATA"), "give one model, or two with --compare"),
    ],
)
def test_what_cannot_be_asked(
    ganzoo: Call, shapes: tuple[Path, Path], model: Any, words: tuple[object, ...], said: str
) -> None:
    given = [{"DATA": shapes[0], "FILE": shapes[1]}.get(str(word), word) for word in words]
    told = ganzoo("eval", model("tiny_class"), *given, code=2).stderr
    assert said in told
    assert len(told.strip().splitlines()) == 1


def test_what_a_run_folder_holds_is_compared_only_where_it_is_what_is_asked(
    ganzoo: Call, shapes: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    data, extractor = shapes
    common = ("--data", data, "--extractor", extractor, "--figures", "fid", "--device", "cpu")
    other = trained(ganzoo, data, tmp_path / "other", 1)
    told = ganzoo("eval", "--compare", run, other, *common, "-n", 120).stderr
    assert "warning: other: Frechet distance: only 120 images" in told
    assert not (run / "evaluation.json").exists(), "nothing is written"
    ganzoo("eval", run, *common, "-n", 120)
    held = json.loads((run / "evaluation.json").read_text("utf-8"))
    held["figures"][0]["value"] = 777.0  # to be recognised
    (run / "evaluation.json").write_text(json.dumps(held), "utf-8")
    assert "777" in ganzoo("eval", "--compare", run, other, *common, "-n", 120).stdout
    assert "777" not in ganzoo("eval", "--compare", run, other, *common, "-n", 130).stdout
    ganzoo("eval", other, *common, "-n", 120)
    assert "777" in ganzoo("eval", "--compare", run, other).stdout
    (run / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    assert "777" not in ganzoo("eval", "--compare", run, other, *common, "-n", 120).stdout
    assert (
        "belongs to other weights than the folder holds"
        in ganzoo("eval", "--compare", run, other, code=2).stderr
    )


def test_the_test_split_shows_no_neighbours_unless_asked(
    ganzoo: Call, shapes: tuple[Path, Path], run: Path
) -> None:
    """Whether pictures were learnt by heart is seen beside those that were learnt from."""
    words = (
        "eval",
        run,
        "--data",
        shapes[0],
        "--extractor",
        shapes[1],
        "-n",
        100,
        "--figures",
        "fid",
        "--device",
        "cpu",
    )
    ganzoo(*words, "--split", "test")
    assert not (run / "neighbours.png").exists()
    ganzoo(*words, "--split", "test", "--neighbours", "test.png")
    assert Path("test.png").exists()
    ganzoo(*words)
    assert (run / "neighbours.png").exists()


def test_figures_of_a_run_go_with_it(ganzoo: Call, shapes: tuple[Path, Path], run: Path) -> None:
    publish = (
        "publish",
        "./run",
        "--repo-id",
        "me/shapes",
        "--summary",
        "Shapes",
        "--licence",
        "mit",
        "--dry-run",
    )
    assert "Frechet distance" not in ganzoo(*publish).stdout
    ganzoo(
        "eval",
        run,
        "--data",
        shapes[0],
        "--extractor",
        shapes[1],
        "-n",
        100,
        "--figures",
        "fid,kid",
        "--device",
        "cpu",
    )
    card = ganzoo(*publish).stdout
    assert "Frechet distance" in card
    assert "spread of the parts" in card
    assert "ganzoo eval me/shapes --data shapes" in card


def test_weights_that_are_not_averaged_say_so(ganzoo: Call, shapes: tuple[Path, Path]) -> None:
    options = ("--steps", 1, "--set", "ema=0", "--device", "cpu", "--sample-every", 0)
    ganzoo("train", "vanilla", "--data", shapes[0], "--out", "raw", *options)
    words = (
        "eval",
        "./raw",
        "--data",
        shapes[0],
        "--extractor",
        shapes[1],
        "-n",
        100,
        "--figures",
        "fid",
        "--device",
        "cpu",
    )
    assert json.loads(ganzoo(*words, "--json").stdout)["figures"][0]["protocol"]["ema"] is False


def test_sentences_are_those_of_the_data(
    ganzoo: Call, shapes: tuple[Path, Path], model: Any, tmp_path: Path
) -> None:
    """Every sample is drawn for a caption, and the figures say so."""
    data = captioned(tmp_path / "data", 100)
    ganzoo(
        "extractor",
        "train",
        "--data",
        data,
        "--epochs",
        1,
        "-o",
        "turns.safetensors",
        "--device",
        "cpu",
    )
    words = (
        "eval",
        model("tiny_text"),
        "--extractor",
        "turns.safetensors",
        "-n",
        100,
        "--figures",
        "fid",
        "--device",
        "cpu",
    )
    found = msgspec.json.decode(
        ganzoo(*words, "--data", data, "--json", "-o", "a.json").stdout, type=Report
    )
    assert {figure.protocol.inputs for figure in found.figures} == {requests.FROM_CAPTIONS}
    assert all("captions of the data" in metric.protocol for metric in found.metrics())
    again = msgspec.json.decode(ganzoo(*words, "--data", data, "--json").stdout, type=Report)
    assert [figure.value for figure in again.figures] == [figure.value for figure in found.figures]
    assert (
        "shapes has no captions"
        in ganzoo(*words[:3], shapes[1], "--data", shapes[0], "-n", 100, code=1).stderr
    )


def test_points_and_splits_that_are_not_there(
    ganzoo: Call, shapes: tuple[Path, Path], model: Any, tmp_path: Path
) -> None:
    assert "makes points; " in ganzoo("eval", "vanilla-sine", "--data", "sine", code=2).stderr
    whole = folder(tmp_path / "whole", 40, None)
    words = (
        "eval",
        model("tiny_class"),
        "--data",
        whole,
        "--extractor",
        shapes[1],
        "--split",
        "test",
    )
    assert "has no test split" in ganzoo(*words, code=1).stderr


def test_real_pictures_measured_against_themselves(shapes: tuple[Path, Path]) -> None:
    """The figures know the best and the worst that can be."""
    extractor = extractors.load_extractor(shapes[1], torch.device("cpu"))
    data = open_set(str(shapes[0])).bind(Data({"image": Picture(1, 16)}))

    def seen(levels: torch.Tensor) -> Observed:
        found = Observed(len(levels), extractor)
        for part in torch.split(levels, 50):
            found.see(part, extractor)
        return found

    real = data.take(0, 180, 0)["image"]
    noise = torch.randint(
        256, real.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    one = real[:1].expand(180, -1, -1, -1)

    def value(group: str, name: str, fake: torch.Tensor) -> float:
        evidence = Evidence(real=seen(real), fake=seen(fake), extractor=extractor)
        drafts = GROUPS[group].load()(evidence)
        return next(draft.value for draft in drafts if draft.name == name)

    assert value("fid", "FID", real) < 1e-3 < value("fid", "FID", noise)
    assert value("fid", "FID", one) > 10
    assert value("kid", "KID", noise) > value("kid", "KID", real)
    assert value("prdc", "coverage", real) == 1
    assert value("prdc", "precision", noise) < 0.1
    assert value("prdc", "recall", one) < 0.2
    assert value("classes", "largest class share", one) == 1
    assert value("is", "Inception score", one) == pytest.approx(1)
    assert value("is", "Inception score", real) > 2.5
    assert value("msssim", "MS-SSIM", one) == pytest.approx(1)
    assert value("msssim", "MS-SSIM", real) < 0.9


class Corner:
    """An extractor of four pixels."""

    name, sha256, dims, outputs, classes, scores = "corner", "0" * 64, 4, 2, (), False

    def resizes(self, side: int) -> str:
        return "none"

    def __call__(self, levels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values = levels[:, 0, :2, :2].flatten(1).float()
        return values, values[:, :2]


def test_memory_does_not_grow_with_the_samples() -> None:
    extractor = Corner()
    found = Observed(30_000, extractor)  # type: ignore[arg-type]
    levels = torch.randint(
        256, (500, 1, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    for _ in range(60):
        found.see(levels, extractor)  # type: ignore[arg-type]
    assert len(found.pictures) == 1000
    assert len(found.features) == 10_000
    assert [part.count for part in found.parts] == [3000] * 10
    assert [score.count for score in found.scores] == [3000] * 10


def test_the_nearest_are_found_across_batches() -> None:
    generator = torch.Generator().manual_seed(0)
    real = torch.randint(256, (90, 1, 4, 4), generator=generator, dtype=torch.uint8)
    features, samples = real.flatten(1).float(), real[[80, 3, 41]]
    found = Neighbours(samples, samples.flatten(1).float())
    for start in range(0, 90, 30):
        found.see(real[start : start + 30], features[start : start + 30])
    order = torch.cdist(samples.flatten(1).float(), features).argsort(1)[:, :4]
    assert torch.equal(found.by_features.pictures, real[order])
    assert torch.equal(found.by_pixels.pictures[:, 0], samples)
    assert found.picture().size == (6 * 6 + 2, 3 * 6 + 2)


def test_eval_measures_a_translator_on_the_test_split(
    ganzoo: Call, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "JUDGE_EPOCHS", 4)
    monkeypatch.setattr(translation, "JUDGE_BATCH", 4)
    draw = np.random.default_rng(0)
    for name, count in {"trainA": 8, "trainB": 8, "testA": 3, "testB": 4}.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(count):
            levels = draw.integers(0, 128, (16, 16, 3)) + 127 * name.endswith("B")
            path = tmp_path / "data" / name / f"{number}.png"
            Image.fromarray(levels.astype(np.uint8)).save(path)
    options = ("--data", tmp_path / "data", "--device", "cpu")
    small = ganzoo("eval", model("tiny_unpaired"), *options, code=2).stderr
    assert "has 8 pixels; figures need 16" in small
    settings = ("--set", "size=16", "--steps", 2, "--sample-every", 0, "--out", "run")
    ganzoo("train", "tiny_unpaired", *options, *settings)
    words = ("eval", "./run", *options)
    report = json.loads(ganzoo(*words, "--json").stdout)
    by_name = {figure["name"]: figure for figure in report["figures"]}
    assert set(by_name) >= {"A2B: way gone", "B2A: way gone", "A2B: edges kept"}
    for figure in report["figures"]:
        assert figure["protocol"]["split"] == "test"
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert by_name["A2B: translated A called B"]["protocol"]["fake"] == 3
    assert by_name["A2B: real B called B"]["protocol"]["real"] == 4
    refused = ganzoo(*words, "--figures", "fid", code=2).stderr
    assert "translates images; use translation" in refused
    refused = ganzoo(
        "eval", model("tiny_class"), *words[2:], "--figures", "translation", code=2
    ).stderr
    assert "does not translate images" in refused
