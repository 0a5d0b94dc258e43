"""Random streams of keys: their bits never change."""

from __future__ import annotations

import hashlib

import numpy as np

from ganzoo.inputs import Rows
from ganzoo.inputs.streams import derive_key, derive_seed, make_generator


def test_a_stream_is_philox_keyed_by_sha256() -> None:
    digest = hashlib.sha256(b"7/latent").digest()
    expected = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
    assert (make_generator(7, "latent").random(5) == expected.random(5)).all()
    assert derive_key(7, "latent").tolist() == [
        int.from_bytes(digest[:8], "little"),
        int.from_bytes(digest[8:16], "little"),
    ]
    assert derive_seed(7, "latent") == int.from_bytes(digest[:8], "little") >> 1


def test_bits_written_down() -> None:
    assert derive_seed(0, "train", "data") == 6214157422186387817
    assert make_generator(3, 0, "").permutation(6).tolist() == [3, 4, 5, 0, 2, 1]
    rows = Rows(seed=5, count=2, start=1)
    drawn = [stream.integers(1000) for stream in rows.streams("latent")]
    assert drawn == [make_generator(5 + row, "latent").integers(1000) for row in rows]
