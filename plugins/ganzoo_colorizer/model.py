"""Isola et al. 2017 in Lab: the generator predicts a and b from L, and L is kept."""

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

AB_SCALE = 110.0
"""Divisor of a and b for the networks: those of sRGB lie in [-108, 99]. L becomes L / 50 - 1."""
XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to X, Y, Z at D65 (IEC 61966-2-1)."""
RGB = (
    (3.240454836, -1.5371388501, -0.4985315469),
    (-0.9692663899, 1.8760109288, 0.0415560823),
    (0.0556434196, -0.2040258543, 1.0572251625),
)
"""The inverse of `XYZ`."""
WHITE = tuple(sum(row) for row in XYZ)
"""X, Y, Z of white: the row sums, so that grey has a = b = 0."""
STEP = 6 / 29
"""Root below which the cube root of Lab becomes a line (CIE 15)."""
ROWS = 256
"""Rows of pixels that are converted to Lab or back at a time."""
HALVINGS, SLACK = 10, 1e-5
"""Bisections for the largest chroma in sRGB, and tolerance of linear RGB outside [0, 1]."""


class Colorizer(GAN[ColorizerConfig]):
    """U-Net against a PatchGAN that is also given the lightness; initial weights N(0, 0.02)."""

    def __init__(self, config: ColorizerConfig) -> None:
        super().__init__(config)
        self.generator = self.build_generator()
        if config.discriminator != "none":
            self.discriminator = self.build_discriminator()

    def build_generator(self) -> nn.Module:
        return init_normal(UNet(self.config))

    def build_discriminator(self) -> nn.Module:
        return init_normal(PatchGAN(self.config))

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
        grey, real = self.split(batch["image"])
        kept = select_colourful(self.chroma(real), c.least_chroma)
        grey, real = grey[kept], real[kept]
        fake = self.generator(grey).float()
        if c.discriminator != "none":
            on_real, on_fake = self.score(grey, real), self.score(grey, fake.detach())
            noise = c.label_noise * step.uniform(2, *on_real.shape)
            loss = discriminator_loss(c.adversarial, on_real, on_fake, 1 - noise[0], noise[1])
            yield Update("discriminator", loss, scores(c.adversarial, on_real, on_fake))
        distance = F.l1_loss(fake, real) if c.distance == "l1" else F.mse_loss(fake, real)
        loss = c.distance_weight * distance
        if c.discriminator == "adversary":
            loss = loss + generator_loss(c.adversarial, self.score(grey, fake))
        chroma = self.chroma(fake).mean() / self.chroma(real).mean()
        yield Update("generator", loss, {"distance": distance, "chroma": chroma})

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The coloured image; views: `grey`, the generator's input, and `truth`, the image given.

        Conversions go strip by strip: they need a dozen maps in float32.
        """
        image = inputs["image"]
        grey = map_strips(lambda strip: self.split(strip)[0], image)
        return {
            "sample": map_strips(self.join, grey, self.colour(grey)),
            "grey": map_strips(self.show_grey, grey).expand(-1, 3, -1, -1),
            "truth": image,
        }

    def split(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """RGB in [-1, 1] -> the generator's input (n, 1, h, w) and its target."""
        lab = to_lab(images)
        return lab[:, :1] / 50 - 1, lab[:, 1:] / AB_SCALE

    def join(self, grey: Tensor, colours: Tensor) -> Tensor:
        """The generator's input and output -> RGB in [-1, 1]."""
        return to_rgb(50 * (grey + 1), AB_SCALE * colours)

    def show_grey(self, grey: Tensor) -> Tensor:
        """The generator's input as a grey image (n, 1, h, w) in [-1, 1]."""
        level = encoded(lab_f_inverse((50 * (grey + 1) + 16) / 116))
        return (2 * level - 1).clamp(-1, 1)

    def score(self, grey: Tensor, colours: Tensor) -> Tensor:
        """The discriminator's logits, in float32."""
        logits: Tensor = self.discriminator(torch.cat([grey, colours], dim=1))
        return logits.float()

    def chroma(self, colours: Tensor) -> Tensor:
        """Mean chroma (n,) of the generator's output or target, in units of Lab."""
        return AB_SCALE * torch.hypot(*colours.detach().unbind(1)).mean(dim=(1, 2))

    def colour(self, grey: Tensor) -> Tensor:
        """The generator's output; with `overview`, that of a reduced copy, enlarged.

        The eye needs detail in the lightness, not in the colours.
        """
        c, sides = self.config, grey.shape[2:]
        factor = min(sides) / c.size
        colours: Tensor
        if not c.overview or factor < 2:
            colours = self.generator(grey).float()
            return colours
        reduced_sides = [round(side / factor / c.multiple) * c.multiple for side in sides]
        reduced = F.interpolate(grey, size=reduced_sides, mode="area")
        colours = self.generator(reduced).float()
        return F.interpolate(colours, size=sides, mode="bilinear")


class Valid(Colorizer):
    """Preset s23: RGB in [0, 1] from a grey copy; the discriminator is not given the copy."""

    def build_generator(self) -> nn.Module:
        return ValidUNet()

    def build_discriminator(self) -> nn.Module:
        return ValidDiscriminator()

    def split(self, images: Tensor) -> tuple[Tensor, Tensor]:
        rgb = (images.float() + 1) / 2
        return 0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:], rgb

    def join(self, grey: Tensor, colours: Tensor) -> Tensor:
        return (2 * colours - 1).clamp(-1, 1)

    def show_grey(self, grey: Tensor) -> Tensor:
        return (2 * grey - 1).clamp(-1, 1)

    def score(self, grey: Tensor, colours: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(colours)
        return logits.float()

    def chroma(self, colours: Tensor) -> Tensor:
        _, a, b = to_lab(2 * colours.detach().clamp(0, 1) - 1).unbind(1)
        return torch.hypot(a, b).mean(dim=(1, 2))


def map_strips(function: Callable[..., Tensor], *maps: Tensor) -> Tensor:
    """`function` of `maps` (n, channels, h, w), ROWS rows of pixels at a time."""
    height = maps[0].shape[2]
    first = function(*(part[:, :, :ROWS] for part in maps))
    whole = first.new_empty(first.shape[0], first.shape[1], height, first.shape[3])
    whole[:, :, :ROWS] = first
    for start in range(ROWS, height, ROWS):
        whole[:, :, start : start + ROWS] = function(
            *(part[:, :, start : start + ROWS] for part in maps)
        )
    return whole


def select_colourful(chroma: Tensor, least: float) -> Tensor:
    """Indices (n,) of a batch, where images below `least` are replaced by others in turn.

    If all are below, 0 .. n - 1. No value leaves the device.
    """
    order = (chroma < least).to(torch.uint8).argsort(stable=True)
    count = (chroma >= least).sum()
    period = torch.where(count > 0, count, len(chroma))
    return order[torch.arange(len(chroma), device=chroma.device) % period]


def to_lab(images: Tensor) -> Tensor:
    """sRGB (n, 3, h, w) in [-1, 1] -> CIE Lab at D65, L in [0, 100]; float32, differentiable."""
    xyz = mix_channels(XYZ, decoded((images.float() + 1) / 2).unbind(1))
    x, y, z = (lab_f(value / white) for value, white in zip(xyz, WHITE, strict=True))
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """L (n, 1, h, w) in [0, 100], a and b (n, 2, h, w) -> sRGB in [-1, 1], in float32.

    Colours outside sRGB keep L and hue, and the largest share of chroma that fits (by bisection).
    """
    lightness, ab = lightness.float(), ab.float()
    low, high = torch.zeros_like(lightness), torch.ones_like(lightness)
    share = high
    for _ in range(HALVINGS + 1):
        linear = lab_to_linear(lightness, share * ab)
        fits = ((linear >= -SLACK) & (linear <= 1 + SLACK)).all(dim=1, keepdim=True)
        low, high = torch.where(fits, share, low), torch.where(fits, high, share)
        share = (low + high) / 2
    return 2 * encoded(lab_to_linear(lightness, low * ab).clamp(0, 1)) - 1


def lab_to_linear(lightness: Tensor, ab: Tensor) -> Tensor:
    """Lab -> linear RGB (n, 3, h, w), in [0, 1] for colours of sRGB."""
    y = (lightness[:, 0] + 16) / 116
    roots = y + ab[:, 0] / 500, y, y - ab[:, 1] / 200
    xyz = [white * lab_f_inverse(root) for white, root in zip(WHITE, roots, strict=True)]
    return torch.stack(mix_channels(RGB, xyz), dim=1)


def mix_channels(matrix: Sequence[Sequence[float]], channels: Sequence[Tensor]) -> list[Tensor]:
    """Matrix times channels, term by term: autocast would run a matrix product in bf16."""
    first, second, third = channels
    return [a * first + b * second + c * third for a, b, c in matrix]


def lab_f(light: Tensor) -> Tensor:
    """f of CIE Lab: the cube root, and a line near 0."""
    root = light.clamp(min=STEP**3) ** (1 / 3)
    return torch.where(light > STEP**3, root, light / (3 * STEP**2) + 4 / 29)


def lab_f_inverse(value: Tensor) -> Tensor:
    """The inverse of `lab_f`."""
    return torch.where(value > STEP, value**3, 3 * STEP**2 * (value - 4 / 29))
