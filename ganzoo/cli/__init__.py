"""The `ganzoo` command: one small file a command."""

import gc

# What a start allocates lives to the end: looking for garbage in it takes a tenth of the time, most of it in `import torch`.
gc.disable()


def started() -> None:
    """Collect garbage from here on; called by commands that work longer, once they have imported what they need."""
    gc.freeze()
    gc.enable()
