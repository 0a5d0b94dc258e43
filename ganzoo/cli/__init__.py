"""The `ganzoo` command: one small file per command."""

import gc
from typing import Any

START_OBJECTS = 500_000
"""More objects than a start allocates; `import torch` alone leaves 300,000, to the end."""
THRESHOLDS = gc.get_threshold()


def end_start(phase: str, info: Any) -> None:
    """After the first collection: collect as usual from here on, but not what the start left."""
    if phase == "stop":
        gc.callbacks.remove(end_start)
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)


# Collecting garbage during the start would take a tenth of its time and find none.
gc.set_threshold(START_OBJECTS, *THRESHOLDS[1:])
gc.callbacks.append(end_start)
