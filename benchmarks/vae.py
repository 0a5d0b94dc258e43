"""What an autoencoder keeps of unseen images, and its latent space.

    python benchmarks/vae.py vae-mnist --data mnist --data-root DATA --out vae

Reconstructs every image of the test split; a classifier trained on the train split alone predicts
the classes of the reconstructions. Writes into --out: `grid.png` (latents at even steps of the
normal distribution; one class a row if the model takes a class), `scatter.png` (the test split in
latent space, coloured by class) and `reconstructions.png` (a hundred test images beside their
reconstructions; these are images of the data set). Ends with the manifest's metrics as JSON. Takes
about two minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import torch
from reader import add_options, load_or_train, print_metrics, stream
from repeat import command
from torch import Tensor

import ganzoo
from ganzoo.api import Model
from ganzoo.gan import Step
from ganzoo.latent import plane
from ganzoo.pictures import images, plots

SIDE, ROWS, SHOWN = 20, 10, 100
PART = 500


@torch.inference_mode()
def measure_bound(model: Model, held: Held) -> tuple[float, float]:
    """Reconstruction and KL in nats, means over pictures, without dropout; one draw of the
    latent each."""
    total, whole = torch.zeros(2), {"image": held.pictures, **held.known}
    for start in range(0, len(held.labels), PART):
        batch = {
            name: tensor[start : start + PART].to(model.device) for name, tensor in whole.items()
        }
        step = Step(
            start, "test", len(held.labels), torch.Generator(model.device).manual_seed(start)
        )
        (update,) = model.gan.losses(batch, step)
        total += (
            len(batch["image"])
            * torch.stack([update.log["reconstruction"], update.log["kl"]]).cpu()
        )
    reconstruction, kl = (total / len(held.labels)).tolist()
    return reconstruction, kl


class Held:
    """A split of a data set in memory: pictures in [-1, 1], their classes, and those inputs
    that the model takes."""

    def __init__(self, name: str, root: Path | None, split: str, model: Model) -> None:
        self.batches, self.classes = stream(name, root, split)
        whole = self.batches.take(0, self.batches.count, 0)
        self.pictures, self.labels = images.to_float(whole["image"]), whole["label"]
        self.known = {"label": self.labels} if "label" in model.inputs else {}


def draw(model: Model, test: Held, made: ganzoo.Samples, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    classes = {"label": "all"} if "label" in model.inputs else {}
    plane.sample_plane(model, 0, ROWS if classes else SIDE, **classes).save(
        out / "grid.png", force=True
    )
    latent = model.encode(test.pictures, **test.known)["latent"]
    images.save_png(
        plots.plot_points(latent, labels=test.labels, names=test.classes), out / "scatter.png"
    )
    images.save_png(
        images.make_grid(made.views["beside"][:SHOWN], columns=10), out / "reconstructions.png"
    )


def measure_kept_classes(test: Held, predicted: Tensor) -> float:
    """Share of reconstructions whose predicted class is that of the image, printed by class."""
    right = predicted == test.labels
    for number, name in enumerate(test.classes):
        print(f"{name:>12} {100 * float(right[test.labels == number].float().mean()):5.1f} %")
    lost = Counter(
        zip(test.labels[~right].tolist(), predicted[~right].tolist(), strict=True)
    ).most_common(5)
    print(
        "most often:",
        ", ".join(f"{test.classes[a]} read as {test.classes[b]} {n} times" for (a, b), n in lost),
    )
    return float(right.float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, required=True)
    add_options(parser)
    options = parser.parse_args()
    model = ganzoo.load(options.model)
    learnt, test = (
        Held(options.data, options.data_root, split, model) for split in ("train", "test")
    )
    made = model.reconstruct(test.pictures, **test.known)
    draw(model, test, made, options.out)
    bounds = {"train": measure_bound(model, learnt), "test": measure_bound(model, test)}
    for name, (reconstruction, kl) in bounds.items():
        print(f"{name:>12} reconstruction {reconstruction:.2f} nats, KL {kl:.3f} nats")

    reader = load_or_train(options)
    kept = measure_kept_classes(test, reader.read(made.tensor))
    count = f"{len(test.labels):,}"
    print(
        f"class kept: {100 * kept:.2f} % of {count} reconstructions; "
        f"of the pictures themselves {100 * reader.accuracy:.2f} %"
    )
    repeat = command(parser, options, [options.model])
    values = {
        "class kept": round(kept, 4),
        "reconstruction (nats)": round(bounds["test"][0], 2),
        "KL (nats)": round(bounds["test"][1], 3),
    }
    protocol = {
        name: f"all {count} pictures of the test split"
        + f"; {reader.judge}" * (name == "class kept")
        for name in values
    }
    metrics = [
        {"name": name, "value": v, "protocol": protocol[name], "command": repeat}
        for name, v in values.items()
    ]
    print_metrics(metrics, options.json)


if __name__ == "__main__":
    main()
