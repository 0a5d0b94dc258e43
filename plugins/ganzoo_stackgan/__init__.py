"""stackgan: pictures from sentences, drawn small in a first stage and large in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Rate, Width, convert, plain
from ganzoo.data.spec import Captions, Data, Embeddings, Facts, Picture
from ganzoo.inputs import Input, Latent, Text, Vector
from ganzoo.plugin import Plugin
from ganzoo.text import WIDEST, vocabulary

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SMALLEST = 8
"""Pixels of a side of the first stage: the discriminators halve it to 4, the second stage to 2."""
MOST_WORDS = 5000
"""Of a vocabulary, sub-words among them."""
Word = Annotated[str, msgspec.Meta(max_length=WIDEST)]
Side = Annotated[int, msgspec.Meta(ge=SMALLEST, le=1024)]
FeatureMaps = Annotated[int, msgspec.Meta(ge=4, le=256)]
Target = Annotated[float, msgspec.Meta(gt=0.5, le=1)]


class StackGANConfig(Config, frozen=True, kw_only=True):
    """`stage1`, `size`: pixels of a side of the first and the second stage's pictures, powers of two.

    Sentences. `vocabulary`: words and sub-words, taken from the data's captions; `words`: how many of a sentence are read;
    `split`: share of captions some of whose known words are spelt by sub-words in training. `meaning`: numbers that a sentence
    becomes, by `text_layers` convolutions of `text_width` channels, learnt in the phase "text" (`text_steps`, `text_batch`,
    `text_lr`). With `sentences` "embeddings" nothing of this is learnt: the data and the user give the vectors of sentences,
    of `meaning` numbers, that some other encoder made.

    `condition`: numbers that a generator takes from a sentence's; `augmentation`: drawn from a Gaussian instead of given by a
    linear layer, with `kl` the weight of its divergence from N(0, I). `text_twice`: whether the second stage has its own.
    `compressed`: numbers that a discriminator takes. `generator_width`: the first stage begins with 8 times as many channels, and
    the second has 4 times as many in its `blocks`, which are residual ones. `discriminator_width`: channels of the largest maps,
    at most 8 times as many elsewhere.

    `real_target`, `generator_target`: what the discriminator is to say of real pictures, and the generator wants it to say of
    its own. `loss`, `discriminator_norm`, `r1`, `r1_every`: as in other plugins. The phases "stage-1" and "stage-2" have
    `stage1_steps` and `stage2_steps`.
    """

    channels: Channels = 3
    stage1: Side = 64
    size: Side = 256
    flip: bool = True
    sentences: Literal["captions", "embeddings"] = "captions"
    vocabulary: Annotated[tuple[Word, ...], msgspec.Meta(max_length=MOST_WORDS)] = ()
    words: Annotated[int, msgspec.Meta(ge=1, le=64)] = 32
    split: Fraction = 0.1
    meaning: Annotated[int, msgspec.Meta(ge=1, le=16384)] = 256
    text_width: Width = 256
    text_layers: Annotated[int, msgspec.Meta(ge=0, le=16)] = 3
    text_lr: Rate = 5e-4
    text_batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 128
    text_steps: Count = 5_000
    latent: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 100
    condition: Width = 128
    augmentation: bool = True
    text_twice: bool = True
    kl: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 2.0
    generator_width: FeatureMaps = 192
    blocks: Annotated[int, msgspec.Meta(ge=0, le=16)] = 4
    discriminator_width: FeatureMaps = 96
    compressed: Width = 128
    loss: Literal["bce", "hinge"] = "bce"
    real_target: Target = 1.0
    generator_target: Target = 1.0
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"
    r1: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    r1_every: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    slope: Fraction = 0.2
    lr_generator: Rate = 2e-4
    lr_discriminator: Rate = 2e-4
    beta1: Fraction = 0.5
    schedule: Literal["constant", "linear"] = "linear"
    batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 64
    stage1_steps: Count = 83_000
    stage2_steps: Count = 83_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        for name in ("stage1", "size"):
            if (side := getattr(self, name)) & (side - 1):
                raise ValueError(
                    f"{name}={side} is no power of two, and maps are halved and doubled to and from it"
                )
        if self.size <= self.stage1:
            raise ValueError(
                f"size={self.size}, of the second stage, must be larger than stage1={self.stage1}, the first one's"
            )
        if self.r1 and self.discriminator_norm == "batch":
            raise ValueError(
                "r1 bounds the gradient of each picture, and BatchNorm mixes pictures: set discriminator_norm to spectral or none"
            )


def adapt(config: StackGANConfig, facts: Facts) -> StackGANConfig:
    """Words of the captions; the vectors of another encoder where there are any; channels as the data have them; pictures no
    larger than the data's, the stages in proportion."""
    facts.require("images")
    size = min(config.size, _power_of_two(facts.size or config.size))
    known: dict[str, object] = {
        "channels": facts.channels or config.channels,
        "size": size,
        "stage1": max(config.stage1 * size // config.size, SMALLEST),
        "vocabulary": vocabulary(facts.captions(), limit=MOST_WORDS),
    }
    if facts.embedding is not None:
        known |= {"sentences": "embeddings", "meaning": facts.embedding}
    return convert({**plain(config), **known}, StackGANConfig, f"data set {facts.name}")


def data(config: StackGANConfig) -> Data:
    """Pictures of the second stage's size, each with one of its captions, as words or as a vector."""
    told = config.sentences == "captions"
    caption = (
        Captions(config.vocabulary, config.words, config.split)
        if told
        else Embeddings(config.meaning)
    )
    return Data({"image": Picture(config.channels, config.size, config.flip), "caption": caption})


def inputs(config: StackGANConfig) -> dict[str, Input]:
    """A sentence, noise, and what the conditions of the stages are drawn with."""
    drawn = config.condition * (2 if config.text_twice else 1)
    condition: dict[str, Input] = {"condition": Latent(drawn)} if config.augmentation else {}
    told: dict[str, Input] = {"text": Text(config.vocabulary, config.words)}
    if config.sentences == "embeddings":
        told = {"embedding": Vector(config.meaning)}
    return {**told, "latent": Latent(config.latent), **condition}


def build(config: StackGANConfig) -> GAN[StackGANConfig]:
    """The networks."""
    from ganzoo_stackgan.model import StackGAN

    return StackGAN(config)


def _power_of_two(side: int) -> int:
    """The greatest up to `side`, and at least twice the smallest first stage."""
    return max(1 << (side.bit_length() - 1), 2 * SMALLEST)


plugin = Plugin(
    name="stackgan",
    summary="StackGAN: pictures from sentences, in two stages",
    paper="https://arxiv.org/abs/1612.03242",
    config=StackGANConfig,
    tiny=StackGANConfig(
        stage1=8, size=16, vocabulary=("a", "blue", "circle", "red", "square"), words=4, meaning=4, text_width=8, text_layers=1,
        text_batch=4, text_steps=4, latent=4, condition=3, generator_width=4, blocks=1, discriminator_width=4, compressed=4,
        batch=4, stage1_steps=4, stage2_steps=4,
    ),
    presets={
        # section 3.5, for 256 pixels
        "paper": StackGANConfig(),
        # what two cores train in hours and a GPU in minutes: 5 million weights that sampling needs
        "small": StackGANConfig(
            stage1=32, size=64, meaning=128, text_width=128, text_steps=2_000, latent=64, condition=64, generator_width=48,
            blocks=2, discriminator_width=48, compressed=64, stage1_steps=8_000, stage2_steps=8_000,
        ),
        # birds from Keras: the widths of the code's defaults, and 0.9 where either player wants a picture to be taken for real
        "s06": StackGANConfig(
            generator_width=128, discriminator_width=64, real_target=0.9, generator_target=0.9, flip=False, schedule="constant",
        ),
    },
    data=data,
    adapt=adapt,
    inputs=inputs,
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)  # fmt: skip
