"""A cache of the Hub client, laid down as the client does it, and commands run on it as processes.

The client reads its folders from the environment when it is first imported."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RUN = [sys.executable, "-c", "from ganzoo.cli.app import main; main()"]
OLD, NEW = "a" * 40, "b" * 40
CONFIG = {
    "plugin": "dcgan",
    "distribution": "ganzoo-torch",
    "version": "0.1.0",
    "networks": ["generator"],
    "config": {},
}
WEIGHTS = b"w" * 5000


def mortal() -> None:
    """Before a command: give up root's right to pass over the modes of files."""
    if os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


class Hub:
    """A cache in a folder of its own, and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "hub"
        self.environment = {**os.environ, "HF_HUB_CACHE": str(self.folder), "COLUMNS": "200"}

    def add(
        self,
        repository: str,
        files: Mapping[str, bytes],
        commit: str = NEW,
        refs: tuple[str, ...] = ("main",),
        link: bool = True,
    ) -> Path:
        """A revision of a repository, as the client lays it down. `link`: whether the file system knows links."""
        home = self.folder / f"models--{repository.replace('/', '--')}"
        for name, content in files.items():
            large = name.endswith(".safetensors")
            git = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False)
            etag = hashlib.sha256(content).hexdigest() if large else git.hexdigest()
            blob, place = home / "blobs" / etag, home / "snapshots" / commit / name
            for path in (blob, place):
                path.parent.mkdir(parents=True, exist_ok=True)
            if link:
                blob.write_bytes(content)
                place.symlink_to(os.path.relpath(blob, place.parent))
            else:
                place.write_bytes(content)
        for ref in refs:
            (home / "refs").mkdir(exist_ok=True)
            (home / "refs" / ref).write_text(commit)
        return home

    def model(self, repository: str, weights: bytes = WEIGHTS, **options: Any) -> Path:
        config = json.dumps({"format": 1, "library_name": "ganzoo", **CONFIG}).encode()
        return self.add(
            repository,
            {"config.json": config, "model.safetensors": weights, "README.md": b"card"},
            **options,
        )

    def run(
        self, *words: str, code: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*RUN, "cache", *words], cwd=self.folder.parent, env={**self.environment, **environment}, capture_output=True,
            text=True, check=False, stdin=subprocess.DEVNULL, preexec_fn=mortal,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def listed(self) -> dict[str, Any]:
        found = json.loads(self.run("list", "--json").stdout)
        return {row["repository"]: row for row in found["repositories"]}
