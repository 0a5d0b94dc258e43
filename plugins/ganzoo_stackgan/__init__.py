"""stackgan: images from text, small in a first stage and large in a second."""

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
"""Least side of first-stage images: discriminators halve it to 4, the second stage to 2."""
MOST_WORDS = 5000
"""Largest vocabulary, sub-words included."""
Word = Annotated[str, Meta(max_length=WIDEST)]
Side = Annotated[int, Meta(ge=SMALLEST, le=1024)]


class StackGANConfig(Config, frozen=True, kw_only=True):
    """The defaults follow Zhang et al. 2017, section 3.5; a text encoder is trained first.

    If `sentences` is embeddings, there is no text phase: data and user give text embeddings of
    size `meaning`. The first stage starts with 8 `generator_width` channels, the `blocks` of the
    second have 4 `generator_width`. Discriminators have up to 8 `discriminator_width`.
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
        FeatureMaps,
        Meta(description="Base width; the first stage starts with 8 times as many channels."),
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
            description="Interval of the R1 penalty in steps; it is scaled up to match.",
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
                    f"{name}={side} is not a power of two, and maps are halved and doubled"
                )
        if self.size <= self.stage1:
            raise ValueError(
                f"size={self.size}, of the second stage, must be larger than "
                f"stage1={self.stage1}, of the first"
            )
        if self.r1 and self.discriminator_norm == "batch":
            raise ValueError(
                "r1 bounds the gradient of each image, and BatchNorm mixes images: "
                "set discriminator_norm to spectral or none"
            )


def adapt(config: StackGANConfig, facts: Facts) -> StackGANConfig:
    """Take vocabulary, embeddings and channels from the data; bound `size` by theirs.

    `stage1` is scaled with `size`.
    """
    facts.require("images")
    size = config.size
    if facts.size:
        power_of_two = 1 << (facts.size.bit_length() - 1)
        size = min(size, max(power_of_two, 2 * SMALLEST))
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
    """Images of the second stage's size, each with a caption as tokens or as an embedding."""
    image = Picture(config.channels, config.size, config.flip)
    if config.sentences == "embeddings":
        return Data({"image": image, "caption": Embeddings(config.meaning)})
    caption = Captions(config.vocabulary, config.words, config.split)
    return Data({"image": image, "caption": caption})


def inputs(config: StackGANConfig) -> dict[str, Input]:
    """A prompt or its embedding, a latent, and the noise of conditioning augmentation."""
    specs: dict[str, Input] = {}
    if config.sentences == "captions":
        specs["text"] = Text(config.vocabulary, config.words)
    else:
        specs["embedding"] = Vector(config.meaning)
    specs["latent"] = Latent(config.latent)
    if config.augmentation:
        specs["condition"] = Latent(config.condition * (2 if config.text_twice else 1))
    return specs


def build(config: StackGANConfig) -> GAN[StackGANConfig]:
    """Build the networks."""
    from ganzoo_stackgan.model import StackGAN

    return StackGAN(config)


plugin = Plugin(
    name="stackgan",
    summary="StackGAN: images from text, in two stages",
    paper="https://arxiv.org/abs/1612.03242",
    config=StackGANConfig,
    tiny=StackGANConfig(
        stage1=8,
        size=16,
        vocabulary=("a", "blue", "circle", "red", "square"),
        words=4,
        meaning=4,
        text_width=8,
        text_layers=1,
        text_batch=4,
        text_steps=4,
        latent=4,
        condition=3,
        generator_width=4,
        blocks=1,
        discriminator_width=4,
        compressed=4,
        batch=4,
        stage1_steps=4,
        stage2_steps=4,
    ),
    presets={
        # section 3.5, for 256 pixels
        "paper": StackGANConfig(),
        # hours on two cores, minutes on a GPU; sampling needs 5 million weights
        "small": StackGANConfig(
            stage1=32,
            size=64,
            meaning=128,
            text_width=128,
            text_steps=2_000,
            latent=64,
            condition=64,
            generator_width=48,
            blocks=2,
            discriminator_width=48,
            compressed=64,
            stage1_steps=8_000,
            stage2_steps=8_000,
        ),
        # birds from Keras: its default widths, and targets of 0.9 for both players
        "s06": StackGANConfig(
            generator_width=128,
            discriminator_width=64,
            real_target=0.9,
            generator_target=0.9,
            flip=False,
            schedule="constant",
        ),
    },
    data=data,
    adapt=adapt,
    inputs=inputs,
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)
