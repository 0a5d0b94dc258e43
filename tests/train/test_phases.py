"""Several phases: what is done where one ends, and what is judged in each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo.config import override
from ganzoo.data.sources import open_set
from ganzoo.sampling import generation
from ganzoo.sampling.model import Model
from ganzoo.training.artifacts import ESTIMATE_BATCHES, ESTIMATE_SIZE, Artifacts
from ganzoo.training.ema import Average
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe
from ganzoo.training.run import train
from ganzoo.zoo import registry
from tests.shapes import shapes

STEPS = 8


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    return shapes(tmp_path / "shapes", 24)


def narrow() -> dict[str, int]:
    """Settings of a small StackGAN."""
    return {
        name: getattr(registry.get("stackgan").tiny, name)
        for name in ("stage1", "size", "generator_width", "text_width")
    }


def norms(network: Any) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


class Watched(Artifacts):
    """Keeps what the networks were like when they were settled."""

    means: list[Tensor]

    def settle(self, names: Sequence[str]) -> None:
        super().settle(names)
        if "stage1" in names:
            self.means = [norm.running_mean.clone() for norm in norms(self.gan.stage1)]


def test_norms_of_networks_that_read_sentences_are_estimated_anew(
    captioned: Path, tmp_path: Path
) -> None:
    """At the end of a phase and of the run, against a plain mean over the same inputs."""
    plugin, found = registry.get("stackgan"), open_set(str(captioned))
    settings = {"ema": 0.9, "text_steps": STEPS, "stage1_steps": STEPS, "stage2_steps": STEPS}
    config = override(plugin.adapt(plugin.tiny, found.facts), settings, "test")
    gan, batches, engine = (
        plugin.build(config),
        found.bind(plugin.data(config)),
        Engine("cpu", "fp32", 3),
    )
    artifacts = Watched(plugin, engine.place(gan), batches, engine, tmp_path / "run")
    trainer = Trainer(
        gan,
        gan.phases(),
        batches,
        engine,
        tmp_path / "run",
        recipe=Recipe(log_every=0, sample_every=0, checkpoint_every=0),
        events=artifacts,
    )
    trainer.run()
    wanted = [norm.running_mean for norm in norms(gan.stage1)]
    assert all(
        torch.equal(kept, mean) for kept, mean in zip(artifacts.means, wanted, strict=True)
    ), "frozen since"
    assert all(norm.num_batches_tracked == ESTIMATE_BATCHES for norm in norms(gan.stage1))

    sums, first = torch.zeros(len(wanted[0])), norms(gan.stage1)[0]
    first.register_forward_pre_hook(
        lambda module, args: None if sums.add_(args[0].mean(dim=(0, 2, 3))) is sums else args
    )
    gan.eval()
    with torch.no_grad():
        for feed in artifacts._feed(engine.seed):
            assert len(feed["text"]) == len(feed["latent"]) == ESTIMATE_SIZE
            gan.sample(feed)
    torch.testing.assert_close(first.running_mean, sums / ESTIMATE_BATCHES, rtol=1e-4, atol=1e-6)

    stale = [norm.running_mean.clone() for norm in norms(trainer.average.shadows["stage2"])]
    artifacts.finish(trainer.average, engine.seed)
    published = Model.load(_with_config(artifacts, trainer.average)).gan
    assert all(norm.num_batches_tracked == ESTIMATE_BATCHES for norm in norms(published.stage2))
    assert not torch.allclose(stale[0], norms(published.stage2)[0].running_mean, atol=1e-4)


def _with_config(artifacts: Artifacts, average: Average) -> Path:
    from ganzoo import files
    from ganzoo.sampling.assembly import model_config
    from ganzoo.zoo import weights

    files.write_json(
        artifacts.folder / weights.CONFIG, model_config(artifacts.plugin, artifacts.gan)
    )
    return artifacts.folder


def test_a_phase_shows_the_view_of_its_name(captioned: Path, tmp_path: Path) -> None:
    plugin, found = registry.get("stackgan"), open_set(str(captioned))
    config = plugin.adapt(plugin.tiny, found.facts)
    gan, batches, engine = (
        plugin.build(config),
        found.bind(plugin.data(config)),
        Engine("cpu", "fp32", 0),
    )
    artifacts = Artifacts(plugin, engine.place(gan), batches, engine, tmp_path)
    text, first, second = gan.phases()
    average = Average(gan, gan.ema, 0.9)
    views = generation.generate(
        gan.eval(), iter([artifacts.fixed]), engine.device, engine.precision
    )
    assert artifacts.sample(average, 0, text) is None, "nothing can draw yet"
    for phase, view in ((first, "stage-1"), (second, generation.SAMPLE)):
        shown = artifacts.sample(average, 1, phase)
        assert shown is not None
        torch.testing.assert_close(shown, views[view])


def test_a_run_whose_phases_get_other_lengths_says_so(captioned: Path, tmp_path: Path) -> None:
    settings = {**narrow(), "text_steps": 2, "stage1_steps": 3, "stage2_steps": 4}
    run = train("stackgan", str(captioned), settings=settings, out=tmp_path / "run", batch_size=4)
    begun = json.loads((run / "run.json").read_text())["command"]
    train(out=run, resume=True, steps=6)
    record = json.loads((run / "run.json").read_text())
    assert record["phases"] == {"text": 2, "stage-1": 3, "stage-2": 6}
    assert record["command"] == f"{begun} && ganzoo train --resume --steps 6 --out runs/run"
    assert begun.endswith(" --out runs/run")


def test_a_stage_whose_turn_is_to_come_ends_no_run(captioned: Path, tmp_path: Path) -> None:
    """It draws the same grey for everybody until then."""
    run = train(
        "stackgan",
        str(captioned),
        settings=narrow(),
        steps=6,
        batch_size=4,
        out=tmp_path / "run",
        device="cpu",
        sample_every=2,
        stop_on_collapse=True,
    )
    assert len(list((run / "samples").glob("*.png"))) == 3 * 3 + 1
