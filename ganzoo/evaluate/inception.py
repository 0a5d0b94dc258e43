"""The Inception network of 2015, used for published FIDs, through torch-fidelity."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from ganzoo import files
from ganzoo.errors import HashMismatch, NotAvailable, UsageError
from ganzoo.evaluate.network import without_tf32

INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INCEPTION_SIDE = 299


class Inception:
    """Features (n, 2048) of the last pooling, and 1,008 logits without bias."""

    name, sha256, dims, outputs, scores = "inception-2015-12-05", INCEPTION_SHA256, 2048, 1008, True
    classes: tuple[str, ...] = ()

    def __init__(self, device: torch.device) -> None:
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except (ImportError, RuntimeError) as error:
            install = 'pip install "ganzoo-torch[eval]"'
            needs = f"--extractor inception needs torch-fidelity ({error})"
            raise UsageError(f"{needs}; {install}") from None
        # where torch.hub, and so torch-fidelity, keeps it
        path = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_URL.rpartition("/")[2]
        self.device = device
        self.network = FeatureExtractorInceptionV3(
            "inception",
            ["2048", "logits_unbiased"],
            feature_extractor_weights_path=str(fetch_weights(path)),
        ).to(device)

    def resizes(self, side: int) -> str:
        return f"bilinear as TensorFlow 1 {side} to {INCEPTION_SIDE}"

    def __call__(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        with without_tf32():
            features, logits = self.network(levels.expand(-1, 3, -1, -1).to(self.device))
        return features.cpu(), logits.cpu()


def fetch_weights(path: Path) -> Path:
    """Path of the weights, downloaded if missing.

    NotAvailable if the download fails; HashMismatch for any other file: torch-fidelity would
    unpickle it."""
    failed = "the Inception network's weights could not be downloaded"
    hint = f"put {INCEPTION_URL} (95.6 MB) at {path}, or omit --extractor to use the data set's own"
    if not path.is_file():
        if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
            raise NotAvailable(f"{failed} (HF_HUB_OFFLINE is set): {hint}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(
                INCEPTION_URL, str(path), hash_prefix=INCEPTION_SHA256, progress=False
            )
        except (OSError, RuntimeError) as error:
            raise NotAvailable(f"{failed} ({error}): {hint}") from None
    actual = files.sha256(path)
    if actual != INCEPTION_SHA256:
        raise HashMismatch(path, INCEPTION_SHA256, actual, "ganzoo")
    return path
