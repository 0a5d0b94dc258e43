"""Devices, precision, gradients and processes: the one place that knows accelerate. Plugins never see it."""

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
from ganzoo.sampling.samples import precise
from ganzoo.spec import Output
from ganzoo.training.optim import Mover


class Engine:
    """Runs the mathematics of a step on one device, alone or as one of several processes (torchrun, accelerate launch).

    Every process draws its own part of a batch; a player's gradients are averaged over all before it moves. That is done
    on the gradients themselves, not by wrapping networks, so penalties, partly used networks and n_critic need no care.
    """

    def __init__(
        self,
        device: str = "auto",
        precision: str = "auto",
        seed: int = 0,
        output: Output | None = None,
    ) -> None:
        wanted = choose_device(device)
        self.accelerator = Accelerator(cpu=wanted.type == "cpu")
        self.device: torch.device = self.accelerator.device
        self.precision = choose_precision(precision, self.device, output)
        self.seed = seed
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.main = self.accelerator.is_main_process

    @property
    def machine(self) -> str:
        """Machine kind, for the record."""
        return describe(self.device)

    def place(self, gan: GAN[Any]) -> GAN[Any]:
        """The networks on the device, convolutions channels-last."""
        return gan.to(self.device).to(memory_format=torch.channels_last)

    def step(self, phase: Phase, index: int) -> Step:
        """The step's randomness, a function of (seed, phase, index, process) alone: nothing of it needs saving.

        torch's own generator, which dropout uses, is seeded alike."""
        number = derive_seed(self.seed, phase.name, index, self.rank)
        torch.manual_seed(number)
        return Step(
            index, phase.name, phase.steps, torch.Generator(self.device).manual_seed(number ^ 1)
        )

    def batch(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A batch on the device; 8-bit pictures become floats in [-1, 1], channels-last."""
        moved = {
            name: tensor.to(self.device, non_blocking=True) for name, tensor in tensors.items()
        }
        return {name: to_float(t) if t.dtype == torch.uint8 else t for name, t in moved.items()}

    def drive(self, losses: Iterator[Update]) -> Iterator[Update]:
        """The updates of one step. Autocast is entered anew for each: its cache would serve the weights before a move."""
        while True:
            with precise(self.device, self.precision):
                update = next(losses, None)
            if update is None:
                return
            yield update

    def move(self, mover: Mover, loss: Tensor, index: int) -> None:
        """Gradients of `loss` for this player's weights only, averaged over the processes; then its optimizer's step."""
        mover.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss.float(), inputs=mover.parameters)
        if self.world > 1:
            self._average([p.grad for p in mover.parameters if p.grad is not None])
        mover.step(index)

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        if self.world == 1:
            return flag
        return bool(self.accelerator.reduce(torch.tensor(float(flag), device=self.device)) > 0)

    def wait(self) -> None:
        """Until every process is here."""
        self.accelerator.wait_for_everyone()

    def _average(self, gradients: list[Tensor]) -> None:
        flat = self.accelerator.reduce(torch.cat([g.reshape(-1) for g in gradients]), "mean")
        for gradient, part in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))
