"""Two processes over gloo: equal weights, and those of one process that sees both halves."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

SCRIPT = """
import dataclasses, sys, msgspec, torch
from pathlib import Path
from safetensors.torch import save_file
from ganzoo.zoo import registry
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe

class Stream:
    count = 64
    def take(self, position, size, seed):
        streams = [torch.Generator().manual_seed(position + i) for i in range(size)]
        rows = [torch.rand(2, generator=stream) for stream in streams]
        return {"real": torch.stack(rows)}

plugin = registry.get("vanilla")

config = msgspec.structs.replace(plugin.tiny, kind="points", dims=2)
torch.manual_seed(0)
gan = plugin.build(config)
engine = Engine("cpu", "fp32", 3)
phases = tuple(dataclasses.replace(phase, steps=5, batch=8) for phase in gan.phases())
recipe = Recipe(log_every=5, sample_every=0, checkpoint_every=0)
trainer = Trainer(gan, phases, Stream(), engine, Path(sys.argv[1]), recipe)
trainer.run()
tensors = {k: v.contiguous() for k, v in gan.state_dict().items()}
save_file(tensors, Path(sys.argv[1]) / f"rank{engine.rank}.safetensors")
print(engine.rank, engine.world)
"""


def test_two_processes_agree_bit_for_bit(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    common = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": "2",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    first, second = (load_file(tmp_path / f"rank{rank}.safetensors") for rank in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    single = {
        key: value
        for key, value in common.items()
        if key not in ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    }
    subprocess.run([sys.executable, str(script), str(tmp_path)], env=single, check=True)
    alone = load_file(tmp_path / "rank0.safetensors")
    assert any(not torch.equal(first[key], alone[key]) for key in first), (
        "each process draws its own part"
    )
