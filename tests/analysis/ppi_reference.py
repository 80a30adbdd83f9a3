"""Makes ppi_reference.json: prediction-powered means by a package that is not this one.

Run it in an environment of its own; the package is no dependency:

    pip install ppi-python==0.2.3
    python tests/analysis/ppi_reference.py
"""

import json
from pathlib import Path

import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

found = []
for seed, n, others, skill, rate in [
    (1, 50, 500, 0.9, 0.3),
    (2, 200, 300, 0.6, 0.5),
    (3, 80, 4000, 0.75, 0.1),
    (4, 400, 100, 0.5, 0.4),
    (5, 120, 1200, 0.2, 0.5),
]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n + others) < rate).astype(float)
    f = np.where(rng.random(n + others) < skill, y, 1 - y)
    for lam in (1.0, None):
        value = ppi_mean_pointestimate(y[:n], f[:n], f[n:], lam=lam)
        low, high = ppi_mean_ci(y[:n], f[:n], f[n:], alpha=0.05, lam=lam)
        numbers = [float(np.asarray(x).ravel()[0]) for x in (value, low, high)]
        found.append([[seed, n, others, skill, rate], lam, *numbers])
Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
