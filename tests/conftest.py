"""What every test needs: the tiny plugins, installed as a real distribution, here and in every process a test starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

TINY = str(Path(__file__).parent / "tiny")

sys.path.insert(0, TINY)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [TINY, os.environ.get("PYTHONPATH")]))
os.environ.pop("GANZOO_PLUGINS", None)
# the networks of the tests are so small that threads only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")
