"""Fine-tuning: what it starts from, what stays, what may not change, restarts, its record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

import ganzoo
from ganzoo import files
from ganzoo.errors import ConfigError, GanzooError, RunError, UsageError, WeightsError
from ganzoo.gan import GAN
from ganzoo.nn import spectral
from ganzoo.training.augment import TRANSFORMS
from ganzoo.training.checkpoint import CHECKPOINT
from ganzoo.training.freeze import Frozen, find_discriminators, list_layers
from ganzoo.training.loop import Trainer
from ganzoo.training.run import finetune, train
from ganzoo.zoo import registry, weights
from tests.train.test_compile import Notes

OPTIONS: dict[str, Any] = {
    "device": "cpu",
    "precision": "fp32",
    "batch_size": 4,
    "sample_every": 0,
    "log_every": 1,
}


def faces(root: Path, mode: str = "L", shift: int = 0) -> str:
    """Nine pictures of 28 pixels."""
    root.mkdir(parents=True)
    for number in range(9):
        shade = 25 * number + shift
        picture = Image.new("L", (28, 28), shade)
        picture.paste(255 - shade, (number, 3, number + 9, 20))
        picture.convert(mode).save(root / f"{number}.png")
    return str(root)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """parent/, a finished run of a small dcgan, and faces/, other pictures."""
    home = tmp_path_factory.mktemp("finetune")
    faces(home / "faces", shift=10)
    train(
        "dcgan",
        faces(home / "old"),
        out=home / "parent",
        steps=4,
        settings={"width": 4, "latent": 4, "hidden": 0},
        **OPTIONS,
    )
    return home


def networks(folder: Path) -> dict[str, Tensor]:
    return {**load_file(folder / weights.MODEL), **load_file(folder / weights.TRAINING)}


def live(folder: Path) -> dict[str, Tensor]:
    """Networks of a run's checkpoint."""
    return {
        key[4:]: value
        for key, value in load_file(folder / CHECKPOINT).items()
        if key.startswith("gan:")
    }


def test_it_begins_with_the_parents_weights(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, Tensor] = {}

    def keep(trainer: Trainer, until: int | None = None) -> None:
        begun.update({key: tensor.clone() for key, tensor in trainer.gan.state_dict().items()})
        begun.update(
            {f"average {key}": tensor.clone() for key, tensor in trainer.average.state().items()}
        )
        run(trainer, until)

    run = Trainer.run
    monkeypatch.setattr(Trainer, "run", keep)
    finetune(home / "parent", str(home / "faces"), out=tmp_path / "run", steps=1, **OPTIONS)
    parent = networks(home / "parent")
    assert {key for key in begun if not key.startswith("average")} == set(parent)
    for key, tensor in parent.items():
        assert torch.equal(begun[key], tensor.to(begun[key].dtype)), key
    assert all(
        torch.equal(value, begun[key.removeprefix("average ")])
        for key, value in begun.items()
        if " " in key
    )


def test_frozen_layers_stay_bit_for_bit_and_others_move(home: Path, tmp_path: Path) -> None:
    run = finetune(
        home / "parent", str(home / "faces"), out=tmp_path / "run", steps=3, freeze=2, **OPTIONS
    )
    before, after = networks(home / "parent"), live(run)
    stays = [
        key
        for key in before
        if key.startswith(
            ("discriminator.layers.0.", "discriminator.layers.2.", "discriminator.layers.3.")
        )
    ]
    assert any("running_var" in key for key in stays)
    assert len(stays) >= 7
    for key, tensor in before.items():
        if key.split(".")[-1] in ("weight", "running_mean", "num_batches_tracked"):
            assert torch.equal(after[key], tensor.to(after[key].dtype)) == (key in stays), key
    moments = [
        key
        for key in load_file(run / CHECKPOINT)
        if key.startswith("optim/discriminator:") and "exp_avg_sq" in key
    ]
    assert len(moments) == 2, "only the last layer's weight and bias are moved"
    assert networks(run).keys() == before.keys()


def test_running_statistics_of_critics_are_published(home: Path) -> None:
    statistics = {
        key: value
        for key, value in networks(home / "parent").items()
        if "discriminator" in key and "running" in key
    }
    assert statistics
    assert all(value.std() > 0 for value in statistics.values()), (
        "re-estimation is for networks that sample"
    )


def test_a_restart_with_everything_changes_no_bit(home: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {**OPTIONS, "freeze": 1, "augment": ",".join(TRANSFORMS), "seed": 3}
    whole = finetune(
        home / "parent", str(home / "faces"), out=tmp_path / "whole", steps=4, **options
    )
    plain = finetune(
        home / "parent",
        str(home / "faces"),
        out=tmp_path / "plain",
        steps=4,
        **{**options, "augment": ()},
    )
    parent = shutil.copytree(home / "parent", tmp_path / "elsewhere" / "parent")
    first = finetune(parent, str(home / "faces"), out=tmp_path / "first", steps=2, **options)
    shutil.rmtree(parent)
    train(out=first, resume=True, steps=4, device="cpu")
    expected, found, other = (load_file(run / CHECKPOINT) for run in (whole, first, plain))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert any(not torch.equal(expected[key], other[key]) for key in expected), (
        "the augmentation was applied"
    )
    record = json.loads((first / "run.json").read_text())
    assert (record["freeze"], record["augment"], record["phases"]) == (
        1,
        list(TRANSFORMS),
        {"train": 4},
    )
    assert record["command"].startswith(
        "ganzoo finetune ./parent --data faces --steps 4 --freeze 1"
    )
    for asked, text in (
        ({"augment": "color"}, "has augment color,translation,cutout"),
        ({"compile": True}, "compile False"),
    ):
        with pytest.raises(RunError, match=text):
            train(out=first, resume=True, device="cpu", **asked)


def test_what_a_run_says_of_its_parent(home: Path, tmp_path: Path) -> None:
    run = finetune(
        home / "parent",
        str(home / "faces"),
        out=tmp_path / "run",
        steps=1,
        freeze=1,
        augment=["color"],
        compile=False,
        settings={"lr_generator": 1e-4},
        **OPTIONS,
    )
    record = json.loads((run / "run.json").read_text())
    digest = files.sha256(home / "parent" / weights.MODEL)
    assert record["parent"] == {
        "name": "parent",
        "repository": None,
        "revision": None,
        "sha256": digest,
    }
    assert record["command"] == (
        "ganzoo finetune ./parent --data faces --freeze 1 --augment color --steps 1 "
        "--batch-size 4 --precision fp32 --sample-every 0 --set lr_generator=0.0001 "
        "--seed 0 --out runs/run"
    )
    assert str(home) not in (run / "run.json").read_text()
    old, new = (
        json.loads((folder / weights.CONFIG).read_text())["config"]
        for folder in (home / "parent", run)
    )
    assert {key: value for key, value in new.items() if old[key] != value} == {"lr_generator": 1e-4}
    assert len(ganzoo.load(run, device="cpu").sample(2, seed=0)) == 2


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (
            {"settings": {"lr_generator": "0.1", "width": "8"}},
            ConfigError,
            "--set width=8: fine-tuning keeps the networks of parent",
        ),
        (
            {"settings": {"discriminator_norm": "none"}},
            ConfigError,
            "--set discriminator_norm=none",
        ),
        (
            {"settings": {"r1": "1", "discriminator_norm": "none"}},
            ConfigError,
            "--set discriminator_norm=none: fine-tuning keeps",
        ),
        ({"settings": {"widht": "8"}}, ConfigError, "did you mean width"),
        (
            {"freeze": 3},
            UsageError,
            "'discriminator' has 3 layers with weights; at most 2 can be frozen",
        ),
        ({"freeze": -1}, UsageError, "--freeze -1: Expected `int` >= 0"),
        ({"augment": "colour"}, UsageError, "did you mean color"),
        ({"data": None}, UsageError, "--data is needed"),
        ({"model": None}, UsageError, "a model and --data are needed"),
        ({"model": "dcgan-mnits"}, UsageError, "did you mean dcgan-mnist"),
        (
            {"data": "coloured"},
            ConfigError,
            "parent takes images of 1 channels, those of 'coloured' have 3",
        ),
    ],
    ids=str,
)
def test_mistakes(
    home: Path, tmp_path: Path, options: dict[str, Any], kind: type[GanzooError], text: str
) -> None:
    given = {
        "model": home / "parent",
        "data": str(home / "faces"),
        "out": tmp_path / "run",
        "steps": 1,
        **OPTIONS,
        **options,
    }
    if given["data"] == "coloured":
        given["data"] = faces(tmp_path / "coloured", "RGB")
    with pytest.raises(kind, match=text):
        finetune(given.pop("model"), given.pop("data"), **given)
    assert not (tmp_path / "run").exists(), "nothing half-written"


def test_a_model_without_its_discriminator(home: Path, tmp_path: Path) -> None:
    bare, notes = shutil.copytree(home / "parent", tmp_path / "bare"), Notes()
    (bare / weights.TRAINING).unlink()
    with pytest.raises(
        WeightsError, match=r"so its discriminator cannot be trained further.*--fresh"
    ):
        finetune(bare, str(home / "faces"), out=tmp_path / "run", steps=1, **OPTIONS)
    with pytest.raises(
        UsageError, match="--freeze 1: discriminator would start anew, with no trained layers"
    ):
        finetune(
            bare,
            str(home / "faces"),
            out=tmp_path / "run",
            steps=1,
            fresh=True,
            freeze=1,
            **OPTIONS,
        )
    assert not (tmp_path / "run").exists()
    run = finetune(
        bare,
        str(home / "faces"),
        out=tmp_path / "run",
        steps=1,
        fresh=True,
        reporter=notes,
        **OPTIONS,
    )
    assert notes.texts == ["discriminator: not part of bare, so begun anew"]
    assert "--fresh" in json.loads((run / "run.json").read_text())["command"]
    assert set(networks(run)) == set(networks(home / "parent"))


def test_a_training_file_of_another_configuration(home: Path, tmp_path: Path) -> None:
    other = shutil.copytree(home / "parent", tmp_path / "other")
    tensors = load_file(other / weights.TRAINING)
    tensors["discriminator.layers.0.weight"] = torch.zeros(4, 1, 5, 5)
    weights.save_tensors(other / weights.TRAINING, tensors, {})
    with pytest.raises(WeightsError, match="does not fit its config"):
        finetune(other, str(home / "faces"), out=tmp_path / "run", steps=1, **OPTIONS)


def test_options_of_the_other_command_in_a_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("freeze = 1\n")
    with pytest.raises(UsageError, match="options of `ganzoo finetune`"):
        train("dcgan", str(home / "faces"), config=tmp_path / "run.toml", out=tmp_path / "run")
    (tmp_path / "run.toml").write_text('preset = "hinge"\n')
    with pytest.raises(UsageError, match="options of `ganzoo train`"):
        finetune(
            home / "parent", str(home / "faces"), config=tmp_path / "run.toml", out=tmp_path / "run"
        )


def test_layers_begin_at_matrices_and_kernels() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.LeakyReLU(),
        nn.Sequential(nn.Conv2d(2, 2, 3, bias=False), nn.PReLU(2)),
        nn.Flatten(),
        nn.Linear(8, 1),
    )
    kinds = [[type(module).__name__ for module in layer] for layer in list_layers(network)]
    assert kinds == [["Conv2d", "BatchNorm2d"], ["Conv2d", "PReLU"], ["Linear"]]
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 3))
    assert [len(layer) for layer in list_layers(spectral(plain))] == [2, 1]


def test_frozen_spectral_layers_stand_still_and_batches_still_normalise() -> None:
    gan: GAN[Any] = registry.get("dcgan").build(registry.get("dcgan").tiny)
    gan.discriminator = nn.Sequential(
        spectral(nn.Conv2d(1, 2, 3)), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 26)
    )
    gan.discriminator[0].weight  # noqa: B018  the first access orders the buffers
    frozen = Frozen(gan, 1)
    assert find_discriminators(gan) == {"discriminator": gan.discriminator}
    before = {key: value.clone() for key, value in gan.discriminator.state_dict().items()}
    gan.discriminator.train()
    frozen.hold()
    hidden = gan.discriminator[:2](
        torch.randn(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    )
    assert hidden.mean(dim=(0, 2, 3)).abs().max() < 1e-5, "normalised by its own batch"
    assert all(
        torch.equal(value, gan.discriminator.state_dict()[key]) for key, value in before.items()
    )


def test_the_command_line(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from ganzoo.cli import app as cli

    monkeypatch.chdir(tmp_path)
    cli.register(["finetune"])
    shutil.copytree(home / "parent", tmp_path / "old")
    words = [
        "finetune",
        "./old",
        "--data",
        str(home / "faces"),
        "--steps",
        "1",
        "--batch-size",
        "4",
        "--freeze",
        "1",
    ]
    done = CliRunner().invoke(
        cli.app, [*words, "--augment", "color,translation", "--device", "cpu"]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == "./runs/old-faces\n"
    assert json.loads((tmp_path / "runs" / "old-faces" / "run.json").read_text())["augment"] == [
        "color",
        "translation",
    ]
