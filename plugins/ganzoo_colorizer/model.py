"""The game of Isola et al. 2017 in Lab: the generator gives a and b for the L that it is shown, and L stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.colour import decoded, encoded
from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import discriminator_loss, generator_loss, init_normal, scores
from ganzoo_colorizer import ColorizerConfig
from ganzoo_colorizer.networks import PatchGAN, UNet, ValidDiscriminator, ValidUNet

LARGEST = 110.0
"""Of a and b: those of sRGB lie in [-108, 99]. Networks see them divided by this, and L as L / 50 - 1."""
XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
RGB = (
    (3.240454836, -1.5371388501, -0.4985315469), (-0.9692663899, 1.8760109288, 0.0415560823),
    (0.0556434196, -0.2040258543, 1.0572251625),
)  # fmt: skip
WHITE = tuple(sum(row) for row in XYZ)
"""X, Y, Z of linear sRGB at D65 (IEC 61966-2-1), and back. White is the sum of the columns, so that grey has a = b = 0."""
STEP = 6 / 29
"""Where the cube root of Lab gives way to a line (CIE 15)."""
ROWS = 256
"""Of pixels that are brought to Lab, or back, at a time."""
HALVINGS, SLACK = 10, 1e-5
"""Of the search for the largest chroma that sRGB has at a lightness; what linear RGB may lie outside [0, 1]."""


class Colorizer(GAN[ColorizerConfig]):
    """U-Net against PatchGAN, both shown the lightness; all weights start at N(0, 0.02)."""

    def __init__(self, config: ColorizerConfig) -> None:
        super().__init__(config)
        self.generator = self._generator()
        if config.discriminator != "none":
            self.discriminator = self._discriminator()

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        names = ("generator",) if c.discriminator == "none" else ("discriminator", "generator")
        players = {
            n: Player(networks=(n,), lr=c.lr, betas=(c.beta1, 0.999), schedule=c.schedule)
            for n in names
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c = self.config
        grey, true = self.split(batch["image"])
        kept = coloured(self.chroma(true), c.least_chroma)
        grey, true = grey[kept], true[kept]
        made = self.generator(grey).float()
        if c.discriminator != "none":
            real, fake = self.judge(grey, true), self.judge(grey, made.detach())
            noise = c.label_noise * step.uniform(2, *real.shape)
            loss = discriminator_loss(c.adversarial, real, fake, 1 - noise[0], noise[1])
            yield Update("discriminator", loss, scores(c.adversarial, real, fake))
        distance = (F.l1_loss if c.distance == "l1" else F.mse_loss)(made, true)
        loss, log = c.distance_weight * distance, {"distance": distance}
        if c.discriminator == "adversary":
            loss = loss + generator_loss(c.adversarial, self.judge(grey, made))
        yield Update(
            "generator", loss, log | {"chroma": self.chroma(made).mean() / self.chroma(true).mean()}
        )

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Views: `grey`, what the generator was shown, and `truth`, the picture as it came."""
        image = inputs["image"]
        grey = _by_strips(lambda part: self.split(part)[0], image)
        made = _by_strips(self.join, grey, self._coloured(grey))
        return {
            "sample": made,
            "grey": _by_strips(self.shown, grey).expand(-1, 3, -1, -1),
            "truth": image,
        }

    def split(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """RGB in [-1, 1] -> what the generator is shown (n, 1, h, w), and what it shall give."""
        lab = to_lab(images)
        return lab[:, :1] / 50 - 1, lab[:, 1:] / LARGEST

    def join(self, grey: Tensor, made: Tensor) -> Tensor:
        """What the generator was shown, and what it gave -> RGB in [-1, 1]."""
        return to_rgb(50 * (grey + 1), LARGEST * made)

    def shown(self, grey: Tensor) -> Tensor:
        """What the generator is shown, as a grey picture (n, 1, h, w) in [-1, 1]."""
        level = encoded(cubed((50 * (grey + 1) + 16) / 116))
        return (2 * level - 1).clamp(-1, 1)

    def judge(self, grey: Tensor, colours: Tensor) -> Tensor:
        """The discriminator's logits, in float32."""
        logits: Tensor = self.discriminator(torch.cat([grey, colours], dim=1))
        return logits.float()

    def chroma(self, colours: Tensor) -> Tensor:
        """Mean chroma (n,), in units of Lab, of what the generator gives."""
        return LARGEST * torch.hypot(*colours.detach().unbind(1)).mean(dim=(1, 2))

    def _coloured(self, grey: Tensor) -> Tensor:
        """What the generator gives; of an `overview` made larger, for the eye asks for detail in lightness alone."""
        sides, c = grey.shape[2:], self.config
        shrunk = min(sides) / c.size
        if not c.overview or shrunk < 2:
            made: Tensor = self.generator(grey).float()
            return made
        reduced = F.interpolate(
            grey,
            size=[round(side / shrunk / c.multiple) * c.multiple for side in sides],
            mode="area",
        )
        return F.interpolate(self.generator(reduced).float(), size=sides, mode="bilinear")

    def _generator(self) -> nn.Module:
        return init_normal(UNet(self.config))

    def _discriminator(self) -> nn.Module:
        return init_normal(PatchGAN(self.config))


class Valid(Colorizer):
    """The layers of preset s23: RGB in [0, 1] for a grey copy, lightness and all; the discriminator is not shown the copy."""

    def split(self, images: Tensor) -> tuple[Tensor, Tensor]:
        rgb = (images.float() + 1) / 2
        return 0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:], rgb

    def join(self, grey: Tensor, made: Tensor) -> Tensor:
        return (2 * made - 1).clamp(-1, 1)

    def shown(self, grey: Tensor) -> Tensor:
        return (2 * grey - 1).clamp(-1, 1)

    def judge(self, grey: Tensor, colours: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(colours)
        return logits.float()

    def chroma(self, colours: Tensor) -> Tensor:
        _, a, b = to_lab(2 * colours.detach().clamp(0, 1) - 1).unbind(1)
        return torch.hypot(a, b).mean(dim=(1, 2))

    def _generator(self) -> nn.Module:
        return ValidUNet()

    def _discriminator(self) -> nn.Module:
        return ValidDiscriminator()


def _by_strips(function: Callable[..., Tensor], *maps: Tensor) -> Tensor:
    """`function` of some rows of pixels at a time: the way to Lab and back takes a dozen maps in float32."""
    height = maps[0].shape[2]
    made: list[Tensor] = []
    for start in range(0, height, ROWS):
        part = function(*(whole[:, :, start : start + ROWS] for whole in maps))
        if not made:
            made.append(part.new_empty(part.shape[0], part.shape[1], height, part.shape[3]))
        made[0][:, :, start : start + ROWS] = part
    return made[0]


def coloured(chroma: Tensor, least: float) -> Tensor:
    """Numbers (n,) of a batch's pictures in which those of less mean chroma than `least` have given their places to the others;
    0 .. n - 1 where all are like that. No number leaves the device."""
    order = (chroma < least).to(torch.uint8).argsort(stable=True)
    count = (chroma >= least).sum()
    return order[
        torch.arange(len(chroma), device=chroma.device) % torch.where(count > 0, count, len(chroma))
    ]


def to_lab(images: Tensor) -> Tensor:
    """RGB (sRGB) in [-1, 1], (n, 3, h, w) -> L in [0, 100], a and b, of CIE Lab at D65; in float32, differentiable."""
    xyz = _mixed(XYZ, decoded((images.float() + 1) / 2).unbind(1))
    x, y, z = (rooted(value / white) for value, white in zip(xyz, WHITE, strict=True))
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """L (n, 1, h, w) in [0, 100], a and b (n, 2, h, w) -> RGB in [-1, 1]. Colours that sRGB lacks keep L and hue, and lose as
    much chroma as they must: the largest share that fits is found by bisection. In float32."""
    lightness, ab = lightness.float(), ab.float()
    low, high = torch.zeros_like(lightness), torch.ones_like(lightness)
    share = high
    for _ in range(HALVINGS + 1):
        linear = _linear(lightness, share * ab)
        fits = ((linear >= -SLACK) & (linear <= 1 + SLACK)).all(dim=1, keepdim=True)
        low, high = torch.where(fits, share, low), torch.where(fits, high, share)
        share = (low + high) / 2
    return 2 * encoded(_linear(lightness, low * ab).clamp(0, 1)) - 1


def _linear(lightness: Tensor, ab: Tensor) -> Tensor:
    """Lab -> linear RGB, in [0, 1] where sRGB has that colour."""
    y = (lightness[:, 0] + 16) / 116
    roots = y + ab[:, 0] / 500, y, y - ab[:, 1] / 200
    return torch.stack(
        _mixed(RGB, [white * cubed(root) for white, root in zip(WHITE, roots, strict=True)]), dim=1
    )


def _mixed(matrix: Sequence[Sequence[float]], channels: Sequence[Tensor]) -> list[Tensor]:
    """Matrix times channels; term by term, for autocast would make a matrix product in bf16."""
    first, second, third = channels
    return [a * first + b * second + c * third for a, b, c in matrix]


def rooted(light: Tensor) -> Tensor:
    """Lab's f: the cube root, with a line near 0, where a root is too steep."""
    return torch.where(
        light > STEP**3, light.clamp(min=STEP**3) ** (1 / 3), light / (3 * STEP**2) + 4 / 29
    )


def cubed(value: Tensor) -> Tensor:
    """The inverse of `rooted`."""
    return torch.where(value > STEP, value**3, 3 * STEP**2 * (value - 4 / 29))
