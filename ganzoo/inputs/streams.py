"""Random streams: one for each combination of keys, such as a seed and a name.

Streams of different keys are independent, so a program may skip, reorder or split what it draws:
nothing depends on how much another stream has given.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def hash_keys(*keys: object) -> bytes:
    """sha256 of the keys, as text joined by "/"."""
    return hashlib.sha256("/".join(map(str, keys)).encode()).digest()


def derive_seed(*keys: object) -> int:
    """A seed in [0, 2**63), as torch takes it."""
    return int.from_bytes(hash_keys(*keys)[:8], "little") >> 1


def derive_key(*keys: object) -> NDArray[np.uint64]:
    """A 128-bit key of numpy's Philox.

    torch's CPU generator keeps only 32 bits of a seed, so a million streams of it would hold
    equal ones.
    """
    import numpy as np

    return np.frombuffer(hash_keys(*keys)[:16], dtype="<u8").astype(np.uint64)


def make_generator(*keys: object) -> np.random.Generator:
    """A numpy generator at the start of the stream."""
    import numpy as np

    philox: Any = np.random.Philox(key=derive_key(*keys))
    return np.random.Generator(philox)
