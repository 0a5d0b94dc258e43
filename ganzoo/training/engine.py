"""Devices, precision, gradients and processes: the one module that knows accelerate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from ganzoo.gan import GAN, Phase, Step, Update
from ganzoo.inputs.streams import derive_seed
from ganzoo.pictures.images import to_float
from ganzoo.sampling.device import choose_device, choose_precision, describe
from ganzoo.sampling.generation import autocast
from ganzoo.spec import Output
from ganzoo.training.optim import Mover


class Engine:
    """Computes steps on one device, alone or as one of several processes (torchrun, accelerate).

    Every process takes its own part of a batch. A player's gradients are averaged over processes
    before it moves; no network is wrapped, so penalties, partly used networks and n_critic work.
    """

    def __init__(
        self,
        device: str = "auto",
        precision: str = "auto",
        seed: int = 0,
        output: Output | None = None,
    ) -> None:
        chosen = choose_device(device)
        self.accelerator = Accelerator(cpu=chosen.type == "cpu")
        self.device: torch.device = self.accelerator.device
        self.precision = choose_precision(precision, self.device, output)
        self.seed = seed
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.main = self.accelerator.is_main_process

    @property
    def machine(self) -> str:
        """Kind of machine, for the record."""
        return describe(self.device)

    def place(self, gan: GAN[Any]) -> GAN[Any]:
        """Move the networks to the device, convolutions channels-last."""
        return gan.to(self.device).to(memory_format=torch.channels_last)

    def step(self, phase: Phase, index: int) -> Step:
        """The step with its randomness, a function of (seed, phase, index, process) alone.

        Seeds torch's own generator too, which dropout uses. So no checkpoint holds a generator.
        """
        seed = derive_seed(self.seed, phase.name, index, self.rank)
        torch.manual_seed(seed)
        rng = torch.Generator(self.device).manual_seed(seed ^ 1)
        return Step(index, phase.name, phase.steps, rng)

    def batch(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A batch on the device; 8-bit images become floats in [-1, 1], channels-last."""
        moved = {
            name: tensor.to(self.device, non_blocking=True) for name, tensor in tensors.items()
        }
        return {name: to_float(t) if t.dtype == torch.uint8 else t for name, t in moved.items()}

    def drive(self, losses: Iterator[Update]) -> Iterator[Update]:
        """The updates of one step, each in an autocast of its own.

        Autocast caches cast weights, so a shared one would serve those from before a move.
        """
        while True:
            with autocast(self.device, self.precision):
                update = next(losses, None)
            if update is None:
                return
            yield update

    def move(self, mover: Mover, loss: Tensor, index: int, part: int = 0, parts: int = 1) -> None:
        """Compute this player's gradients, average them over the processes, and step.

        Of an update in `parts`, gradients add up, and the last part steps.
        """
        if part == 0:
            mover.optimizer.zero_grad(set_to_none=True)
        if parts > 1:
            loss = loss / parts
        self.accelerator.backward(loss.float(), inputs=mover.parameters)
        if part < parts - 1:
            return
        if self.world > 1:
            gradients = [p.grad for p in mover.parameters if p.grad is not None]
            flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
            average = self.accelerator.reduce(flat, "mean")
            sizes = [gradient.numel() for gradient in gradients]
            for gradient, values in zip(gradients, average.split(sizes), strict=True):
                gradient.copy_(values.view_as(gradient))
        mover.step(index)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.world == 1:
            return flag
        return bool(self.accelerator.reduce(torch.tensor(float(flag), device=self.device)) > 0)

    def wait(self) -> None:
        """Wait until every process is here."""
        self.accelerator.wait_for_everyone()
