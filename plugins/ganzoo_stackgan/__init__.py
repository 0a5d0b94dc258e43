"""stackgan: pictures from sentences, drawn small in a first stage and large in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ganzoo.config import (
    Batch,
    Beta1,
    Channels,
    Config,
    Count,
    DiscriminatorRate,
    Ema,
    FeatureMaps,
    Flip,
    Fraction,
    GeneratorRate,
    LatentSize,
    Rate,
    RealTarget,
    Schedule,
    Slope,
    Width,
    convert,
    plain,
)
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
Word = Annotated[str, Meta(max_length=WIDEST)]
Side = Annotated[int, Meta(ge=SMALLEST, le=1024)]


class StackGANConfig(Config, frozen=True, kw_only=True):
    """The defaults follow Zhang et al. 2017, section 3.5, with a text encoder that is learned in a phase of its own.

    If `sentences` is embeddings, there is no text phase: data and user give text embeddings of `meaning` numbers.
    The first stage starts with 8 `generator_width` channels, and the second has 4 times as many in its `blocks`.
    """

    channels: Channels = 3
    stage1: Annotated[
        Side, Meta(description="Side of first-stage images in pixels, a power of two.")
    ] = 64
    size: Annotated[
        Side, Meta(description="Side of second-stage images in pixels, a power of two.")
    ] = 256
    flip: Flip = True
    sentences: Annotated[
        Literal["captions", "embeddings"],
        Meta(description="Learn to encode captions, or take another encoder's embeddings."),
    ] = "captions"
    vocabulary: Annotated[
        tuple[Word, ...],
        Meta(
            max_length=MOST_WORDS,
            description="Words and sub-words, taken from the captions of the data.",
        ),
    ] = ()
    words: Annotated[int, Meta(ge=1, le=64, description="Tokens read of a caption.")] = 32
    split: Annotated[
        Fraction, Meta(description="Share of captions in which training splits some known words.")
    ] = 0.1
    meaning: Annotated[int, Meta(ge=1, le=16384, description="Size of a text embedding.")] = 256
    text_width: Annotated[Width, Meta(description="Channels of the text encoder.")] = 256
    text_layers: Annotated[
        int, Meta(ge=0, le=16, description="Convolutions of the text encoder.")
    ] = 3
    text_lr: Annotated[Rate, Meta(description="Learning rate of the text phase.")] = 5e-4
    text_batch: Annotated[
        int, Meta(ge=1, le=65536, description="Examples in a batch of the text phase.")
    ] = 128
    text_steps: Annotated[Count, Meta(description="Steps of the text phase.")] = 5_000
    latent: LatentSize = 100
    condition: Annotated[
        Width, Meta(description="Size of the condition taken from a text embedding.")
    ] = 128
    augmentation: Annotated[
        bool, Meta(description="Sample the condition from a Gaussian (section 3.2).")
    ] = True
    text_twice: Annotated[
        bool, Meta(description="Condition the second stage on the text as well.")
    ] = True
    kl: Annotated[
        float,
        Meta(ge=0, le=1000, description="Weight of the condition's KL divergence from N(0, I)."),
    ] = 2.0
    generator_width: Annotated[
        FeatureMaps, Meta(description="Channels of a stage's largest maps.")
    ] = 192
    blocks: Annotated[
        int, Meta(ge=0, le=16, description="Residual blocks of the second stage.")
    ] = 4
    discriminator_width: Annotated[
        FeatureMaps, Meta(description="Channels of the discriminators' largest maps.")
    ] = 96
    compressed: Annotated[
        Width, Meta(description="Size of a text embedding inside a discriminator.")
    ] = 128
    loss: Annotated[Literal["bce", "hinge"], Meta(description="Adversarial loss.")] = "bce"
    real_target: RealTarget = 1.0
    generator_target: Annotated[
        RealTarget, Meta(description="Target for generated images in the generator's loss.")
    ] = 1.0
    discriminator_norm: Annotated[
        Literal["batch", "spectral", "none"], Meta(description="Norm of the discriminators.")
    ] = "batch"
    r1: Annotated[
        float,
        Meta(
            ge=0,
            le=10_000,
            description="Gamma of the R1 penalty (Mescheder et al. 2018, eq. 9); 0 is off.",
        ),
    ] = 0.0
    r1_every: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Steps between R1 penalties, each of which is multiplied by it.",
        ),
    ] = 1
    slope: Slope = 0.2
    lr_generator: GeneratorRate = 2e-4
    lr_discriminator: DiscriminatorRate = 2e-4
    beta1: Beta1 = 0.5
    schedule: Schedule = "linear"
    batch: Batch = 64
    stage1_steps: Annotated[Count, Meta(description="Steps of the first stage.")] = 83_000
    stage2_steps: Annotated[Count, Meta(description="Steps of the second stage.")] = 83_000
    ema: Ema = 0.999

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
