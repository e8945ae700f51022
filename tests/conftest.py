"""For every test: one thread for linear algebra, and no settings of the person who runs them."""

from __future__ import annotations

import os

# Counts only before numpy is loaded. On a busy machine threads that wait for each other make fits many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
for name in [name for name in os.environ if name.startswith("LUTNAS_")]:
    del os.environ[name]
