"""--accumulate: the update of the whole batch, from parts of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import ganzoo
from ganzoo.config import Config
from ganzoo.errors import UsageError
from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.training.accumulate import PartStep, split_step
from ganzoo.training.checkpoint import CHECKPOINT
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe

OPTIONS: dict[str, Any] = {"device": "cpu", "precision": "fp32", "sample_every": 0, "log_every": 1}


class Noise:
    """Vectors of four float64 numbers."""

    count = 64

    def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]:
        stream = torch.Generator().manual_seed(seed % 1000 + position)
        return {"real": torch.randn(size, 4, generator=stream, dtype=torch.float64)}


class Pair(GAN[Config]):
    """A generator and a critic in float64. The critic moves twice a step, the generator every other
    step and through the graph that it shares with the critic's updates."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.generator = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4)).double()
        self.critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()

    def phases(self) -> tuple[Phase, ...]:
        players = {name: Player(networks=(name,), lr=0.01) for name in ("critic", "generator")}
        return (Phase(steps=6, batch=12, players=players, ema=0.9),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        real = batch["real"]
        fake = self.generator(step.noise(len(real), 3).double())
        for _ in range(2):
            mixed = real + step.uniform(2, len(real), 1)[1].double() * (fake.detach() - real)
            slope = (self.critic(mixed) ** 2).mean()
            loss = self.critic(fake.detach()).mean() - self.critic(real).mean() + slope
            yield Update("critic", loss, {"score/real": self.critic(real).mean()})
        if (step.index + 1) % 2 == 0:
            sign = 1 + step.uniform(1).double()
            yield Update("generator", -(sign * self.critic(fake)).mean())

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        made: Tensor = self.generator(inputs["latent"])
        return made


def train_pair(folder: Path, parts: int) -> Trainer:
    torch.manual_seed(0)
    gan = Pair()
    recipe = Recipe(accumulate=parts, log_every=1, sample_every=0, checkpoint_every=0)
    trainer = Trainer(gan, gan.phases(), Noise(), Engine("cpu", "fp32"), folder, recipe)
    trainer.run()
    return trainer


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_parts_make_the_update_of_the_whole_batch(parts: int, tmp_path: Path) -> None:
    whole, split = train_pair(tmp_path / "whole", 1), train_pair(tmp_path / "split", parts)
    for name, tensor in whole.gan.state_dict().items():
        torch.testing.assert_close(split.gan.state_dict()[name], tensor, rtol=1e-9, atol=1e-11)
    for name, mover in whole.movers.items():
        for key, tensor in mover.state().items():
            other = split.movers[name].state()[key]
            torch.testing.assert_close(other, tensor, rtol=1e-8, atol=1e-12)
    rows = [
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("whole", "split")
    ]
    for expected, found in zip(*rows, strict=True):
        for key in ("loss/critic", "score/real"):
            assert found[key] == pytest.approx(expected[key], rel=1e-5, abs=1e-6)


def test_the_test_sees_a_part_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train_pair(tmp_path / "whole", 1)
    move = Engine.move

    def forget(self: Engine, mover: Any, loss: Tensor, index: int, part: int, parts: int) -> None:
        move(self, mover, loss * (part != 1), index, part, parts)

    monkeypatch.setattr(Engine, "move", forget)
    split = train_pair(tmp_path / "split", 3)
    weight = "generator.0.weight"
    assert not torch.allclose(split.gan.state_dict()[weight], whole.gan.state_dict()[weight])


def test_parts_draw_what_the_whole_batch_draws() -> None:
    def begin() -> Step:
        return Step(0, "train", 1, torch.Generator().manual_seed(5))

    def draw(step: Step, n: int) -> list[Tensor]:
        drawn = [step.noise(n, 3), step.uniform(2, n, low=-1), step.integers(9, n), step.noise(1)]
        return [*drawn, step.permutation(n)]

    expected = draw(begin(), 12)
    batch = {"real": torch.arange(12)}
    parts = list(split_step(batch, begin(), 3))
    assert torch.cat([examples["real"] for examples, _ in parts]).tolist() == list(range(12))
    found = [draw(step, 4) for _, step in parts]
    for place, axis in enumerate((0, 1, 0)):
        joined = torch.cat([drawn[place] for drawn in found], dim=axis)
        assert torch.equal(joined, expected[place])
    assert all(torch.equal(drawn[3], expected[3]) for drawn in found), "one number for all"
    assert all(sorted(drawn[4].tolist()) == [0, 1, 2, 3] for drawn in found)
    assert not torch.equal(found[0][4], found[1][4]) or not torch.equal(found[1][4], found[2][4])
    assert all(isinstance(step, PartStep) for _, step in parts)
    whole = begin()
    assert list(split_step(batch, whole, 1)) == [(batch, whole)]


def test_memory_falls(tmp_path: Path) -> None:
    """Largest number of bytes that graphs keep at once, as their saved tensors tell."""

    def measure(parts: int) -> int:
        kept = most = 0

        class Held:
            def __init__(self, tensor: Tensor) -> None:
                nonlocal kept, most
                self.tensor = tensor
                kept += tensor.nbytes
                most = max(most, kept)

            def __del__(self) -> None:
                nonlocal kept
                kept -= self.tensor.nbytes

        with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
            ganzoo.train(
                "vanilla",
                "sine",
                out=tmp_path / str(parts),
                steps=1,
                batch_size=1024,
                accumulate=parts,
                preset="sine",
                **OPTIONS,
            )
        return most

    assert measure(8) < 0.4 * measure(1)


def test_a_resumed_run_keeps_its_parts(tmp_path: Path) -> None:
    def train(name: str, steps: int) -> Path:
        return ganzoo.train(
            "vanilla",
            "sine",
            out=tmp_path / name,
            steps=steps,
            batch_size=8,
            accumulate=4,
            preset="sine",
            **OPTIONS,
        )

    whole, cut = train("whole", 6), train("cut", 3)
    record = json.loads((cut / "run.json").read_text())
    assert record["accumulate"] == 4
    assert "--accumulate 4" in record["command"]
    with pytest.raises(ganzoo.GanzooError, match="has accumulate 4; it cannot resume with 2"):
        ganzoo.train(out=cut, resume=True, steps=6, accumulate=2)
    ganzoo.train(out=cut, resume=True, steps=6, device="cpu")
    expected, found = load_file(whole / CHECKPOINT), load_file(cut / CHECKPOINT)
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_a_batch_that_does_not_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--accumulate 3: a batch of 8 does not split"):
        ganzoo.train("vanilla", "sine", out=tmp_path / "run", batch_size=8, accumulate=3, **OPTIONS)
    assert not (tmp_path / "run").exists()
