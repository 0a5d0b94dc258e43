"""The loop: restarts, frozen networks, averages, moved weights between yields, errors."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ganzoo.config import Config
from ganzoo.data.sources import open_set
from ganzoo.errors import NonFiniteLoss, RunError
from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.training.ahead import Ahead
from ganzoo.training.checkpoint import CHECKPOINT
from ganzoo.training.ema import Average
from ganzoo.training.engine import Engine
from ganzoo.training.log import Buffer, append_row, cut_rows, read_rows
from ganzoo.training.loop import Trainer
from ganzoo.training.optim import Mover, scale_rate
from ganzoo.training.recipe import Recipe
from ganzoo.zoo import registry


class Noise:
    """8 x 8 pictures that depend on their position alone."""

    count = 100

    def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]:
        rows = [torch.Generator().manual_seed(position + i) for i in range(size)]
        real = torch.stack(
            [torch.randint(0, 256, (1, 8, 8), generator=g, dtype=torch.uint8) for g in rows]
        )
        return {"real": real, "image": real}


def trainer(
    folder: Path, steps: int = 6, precision: str = "fp32", seed: int = 1, **changes: Any
) -> Trainer:
    plugin = registry.get("vanilla")
    config = msgspec.structs.replace(plugin.tiny, dropout=0.5, batch_norm=True, **changes)
    torch.manual_seed(seed)
    gan = plugin.build(config)
    phases = tuple(dataclasses.replace(phase, steps=steps) for phase in gan.phases())
    return Trainer(
        gan,
        phases,
        Noise(),
        Engine("cpu", precision, seed),
        folder,
        recipe=Recipe(log_every=2, sample_every=0, checkpoint_every=0),
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stop", [1, 3])
def test_a_restart_changes_no_bit(tmp_path: Path, precision: str, stop: int) -> None:
    whole, first, second = (tmp_path / name for name in ("whole", "first", "second"))
    trainer(whole, precision=precision).run()
    trainer(first, precision=precision).run(until=stop)
    second.mkdir()
    for file in first.iterdir():
        (second / file.name).write_bytes(file.read_bytes())
    resumed = trainer(second, precision=precision, seed=1)
    resumed.resume()
    resumed.run()
    expected, found = load_file(whole / CHECKPOINT), load_file(second / CHECKPOINT)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert any(key.startswith("optim/generator:") and "exp_avg" in key for key in expected)


def test_training_moves_weights_and_logs(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    before = {key: value.clone() for key, value in made.gan.state_dict().items()}
    made.run()
    after = made.gan.state_dict()
    assert all(
        not torch.equal(before[key], after[key])
        for key in before
        if key.endswith("weight") and "layers.0" in key
    )
    rows = read_rows(tmp_path)
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert {
        "loss/generator",
        "loss/discriminator",
        "score/real",
        "score/fake",
        "images_per_second",
    } <= rows[-1].keys()


def test_resume_without_checkpoint_and_of_another_configuration(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no checkpoint"):
        trainer(tmp_path).resume()
    trainer(tmp_path).run(until=1)
    with pytest.raises(RunError, match="another configuration"):
        trainer(tmp_path, generator=(8,)).resume()


class Toy(Config, frozen=True, kw_only=True):
    rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1


class Pair(GAN[Toy]):
    """Two numbers whose losses show which weights they see; of 3 phases the second moves `a`."""

    ema = ("a", "b")

    def __init__(self, config: Toy) -> None:
        super().__init__(config)
        self.a, self.b = (
            nn.Linear(1, 1, bias=False),
            nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)),
        )
        for parameter in self.parameters():
            nn.init.ones_(parameter)
        self.seen: list[tuple[float, float]] = []
        self.modes: list[tuple[str, bool, bool]] = []
        self.poison: int | None = None

    def phases(self) -> tuple[Phase, ...]:
        def player(name: str) -> Player:
            return Player(networks=(name,), optimizer="sgd", lr=self.config.rate)

        both = {"a": player("a"), "b": player("b")}
        return (
            Phase(name="both", steps=3, batch=4, players=both, ema=0.5),
            Phase(name="only-a", steps=2, batch=4, players={"a": player("a")}, ema=0.5),
        )

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        x = torch.ones(4, 1)
        self.modes.append((step.phase, self.a.training, self.b.training))
        before = float(self.a.weight.detach())
        yield Update("a", self.a(x).mean() * (float("nan") if step.index == self.poison else 1.0))
        self.seen.append((before, float(self.a(x).detach().float().mean())))
        if step.phase == "both":
            yield Update("b", self.b(step.noise(4, 1)).square().mean() + self.a(x).mean())

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return torch.as_tensor(self.b(self.a(inputs["latent"])))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_loss_sees_what_moved_before_it(tmp_path: Path, precision: str) -> None:
    pair = Pair(Toy(rate=0.25))
    Trainer(pair, pair.phases(), Noise(), Engine("cpu", precision), tmp_path).run()
    for before, seen in pair.seen:
        assert seen == pytest.approx(before - 0.25, abs=1e-2)


def test_phases_freeze_and_settle(tmp_path: Path) -> None:
    pair = Pair(Toy(rate=0.25))
    made = Trainer(pair, pair.phases(), Noise(), Engine("cpu", "fp32"), tmp_path)
    made.run(until=3)
    averaged = {key: value.clone() for key, value in made.average.state().items()}
    live = {key: value.clone() for key, value in pair.state_dict().items()}
    made.run()
    assert pair.modes[0] == ("both", True, True)
    assert pair.modes[-1] == ("only-a", True, False)
    assert set(made.average.shadows) == {"a"}
    key = "b.1.running_mean"
    assert not torch.equal(live[key], averaged[key])
    assert torch.equal(pair.state_dict()[key], averaged[key]), (
        "a finished network takes its averaged weights"
    )
    assert float(pair.a.weight) == pytest.approx(1 - 5 * 0.25), (
        "a network that moves on keeps its live weights"
    )


def test_nan_names_the_step_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    pair = Pair(Toy())
    made = Trainer(
        pair,
        pair.phases(),
        Noise(),
        Engine("cpu", "fp32"),
        tmp_path,
        recipe=Recipe(log_every=1, sample_every=0, checkpoint_every=1),
    )
    pair.poison = 2
    with pytest.raises(NonFiniteLoss) as caught:
        made.run()
    assert (caught.value.phase, caught.value.step, caught.value.player) == ("both", 2, "a")
    assert all(torch.isfinite(tensor).all() for tensor in load_file(tmp_path / CHECKPOINT).values())


def test_average_follows_its_formula() -> None:
    pair = Pair(Toy())
    average = Average(pair, ["a"], 0.9)
    expected = 1.0
    for index in range(20):
        with torch.no_grad():
            pair.a.weight.fill_(float(index))
        average.update(index)
        decay = min(0.9, (1 + index) / (10 + index))
        expected = decay * expected + (1 - decay) * index
    with average.applied() as gan:
        assert float(gan.a.weight) == pytest.approx(expected, rel=1e-5)  # type: ignore[arg-type]
        assert not gan.b.training
    assert float(pair.a.weight) == 19.0
    assert pair.b.training


def test_linear_schedule_and_weight_clipping() -> None:
    assert [scale_rate(i, 8) for i in (0, 4, 6, 7)] == [1.0, 1.0, 0.5, 0.25]
    pair = Pair(Toy())
    player = Player(
        networks=("a",),
        optimizer="sgd",
        lr=1.0,
        schedule="linear",
        clip_weights=0.01,
        clip_grad=0.5,
    )
    mover = Mover(pair, player, Phase(steps=8, batch=1, players={"a": player}))
    pair.a(torch.ones(1, 1)).sum().backward()
    mover.step(6)
    assert mover.optimizer.param_groups[0]["lr"] == 0.5
    assert float(pair.a.weight) == pytest.approx(0.01)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_optimizer_state_survives(optimizer: Any) -> None:
    def moved(restart: bool) -> Tensor:
        net = Pair(Toy())
        net.a = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[assignment]
        torch.nn.init.ones_(net.a.weight)
        torch.nn.init.ones_(net.a.bias)
        player = Player(networks=("a",), optimizer=optimizer, lr=0.01)
        phase = Phase(steps=8, batch=1, players={"a": player})
        mover = Mover(net, player, phase)
        for index in range(4):
            if restart and index == 2:
                saved = {key: value.clone().contiguous() for key, value in mover.state().items()}
                mover = Mover(net, player, phase)
                mover.restore(saved)
                kept = [
                    v
                    for s in mover.optimizer.state.values()
                    for v in s.values()
                    if isinstance(v, Tensor) and v.ndim == 4
                ]
                assert all(v.is_contiguous(memory_format=torch.channels_last) for v in kept)
            mover.optimizer.zero_grad()
            net.a(
                torch.linspace(0, 1, 48 * (index + 1)).view(index + 1, 3, 4, 4)
            ).square().mean().backward()
            mover.step(index)
        return torch.as_tensor(net.a.weight.detach())

    assert torch.equal(moved(False), moved(True))


def test_log_rows_are_cut_back(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        append_row(tmp_path, {"step": step})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "los')
    cut_rows(tmp_path, 2)
    assert read_rows(tmp_path) == [{"step": 1}, {"step": 2}]


def test_buffer_averages_and_forgets() -> None:
    buffer = Buffer()
    for value in (1.0, 3.0):
        buffer.add(0, "loss/x", torch.tensor(value))
    assert buffer.means("p") == {"loss/x": 2.0}
    assert buffer.means("p") == {}


TRAIN = """
import sys
from pathlib import Path
from ganzoo.training.run import train
folder, resume = Path(sys.argv[1]), "--resume" in sys.argv
begin = {"steps": int(sys.argv[2]), "settings": {"generator": "8", "discriminator": "8"}}
options = {"checkpoint_every": 20, "sample_every": 0, "log_every": 10, "device": "cpu"}
if not resume:
    options |= begin
train("vanilla", "sine", out=folder, resume=resume, **options)
"""


class Runs:
    """One run in processes of its own: begun, killed, gone on with."""

    def __init__(self, tmp_path: Path, steps: int) -> None:
        (tmp_path / "run.py").write_text(TRAIN)
        self.command = [sys.executable, str(tmp_path / "run.py")]
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.steps = steps

    def start(self, folder: Path, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.command, str(folder), str(self.steps), *more], env=self.environment
        )

    def kill(self, folder: Path, after: float = 0.0, *more: str) -> bool:
        """Start, wait for a checkpoint and `after` seconds; whether it still ran."""
        checkpoint = folder / CHECKPOINT
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        process = self.start(folder, *more)
        while process.poll() is None and not (
            checkpoint.exists() and checkpoint.stat().st_mtime_ns > before
        ):
            time.sleep(0.01)
        time.sleep(after)
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        return killed

    def equal(self, whole: Path, killed: Path) -> None:
        for file in (CHECKPOINT, "model.safetensors", "training.safetensors"):
            expected, found = load_file(whole / file), load_file(killed / file)
            assert expected.keys() == found.keys()
            assert all(torch.equal(expected[key], found[key]) for key in expected), file
        assert [row["step"] for row in read_rows(killed)] == list(range(10, self.steps + 1, 10))


def test_kill_and_resume_equal_the_uninterrupted_run(tmp_path: Path) -> None:
    runs = Runs(tmp_path, 400)
    assert runs.start(tmp_path / "whole").wait() == 0
    assert runs.kill(tmp_path / "killed")
    assert runs.start(tmp_path / "killed", "--resume").wait() == 0
    runs.equal(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
def test_twenty_kills_at_random_moments(tmp_path: Path) -> None:
    runs, moments = Runs(tmp_path, 12_000), random.Random(0)
    assert runs.start(tmp_path / "whole").wait() == 0
    assert runs.kill(tmp_path / "killed", moments.random())
    for _ in range(19):
        assert runs.kill(tmp_path / "killed", moments.random(), "--resume"), (
            "the run ended before it was killed"
        )
    assert runs.start(tmp_path / "killed", "--resume").wait() == 0
    runs.equal(tmp_path / "whole", tmp_path / "killed")


def test_real_set_is_a_batch_stream() -> None:
    plugin = registry.get("vanilla")
    data = open_set("sine")
    batches = data.bind(plugin.data(plugin.adapt(plugin.config(), data.facts)))
    points = batches.take(0, 1024, 7)["real"]
    assert torch.allclose(points[:, 1], points[:, 0].sin(), atol=1e-6)


def test_batches_ahead_are_the_same() -> None:
    ahead = Ahead(Noise())
    for position in (0, 8, 16, 40, 48):  # 40: a jump, as a resumed run makes
        assert torch.equal(
            ahead.take(position, 8, 3, 8)["real"], Noise().take(position, 8, 3)["real"]
        )
    ahead.stop()


def test_what_goes_wrong_ahead_is_told_in_its_turn() -> None:
    class Broken(Noise):
        def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]:
            if position >= 16:
                raise RunError("the file is gone")
            return super().take(position, size, seed)

    ahead = Ahead(Broken())
    ahead.take(0, 8, 3, 8)
    ahead.take(8, 8, 3, 8)
    with pytest.raises(RunError, match="gone"):
        ahead.take(16, 8, 3, 8)
    ahead.stop()
