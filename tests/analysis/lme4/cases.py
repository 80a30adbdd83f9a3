"""Makes the CSV cases that ``reference.R`` fits: ``python tests/analysis/lme4/cases.py``.

Small, made up and seeded. Each has the columns of the model of Ganguli et al. 2022, appendix A.3.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
SIZES = ("2.7B", "13B", "52B")
TYPES = ("plain lm", "rejection sampling", "rlhf")


def write(
    name: str,
    attacks: list[int],
    *,
    seed: int,
    sizes: tuple[str, ...] = SIZES,
    types: tuple[str, ...] = TYPES,
    sd: float = 0.6,
    cuts: tuple[float, ...] = (-0.3, 0.3, 0.8, 1.3),
    without: tuple[str, str] | None = None,
) -> None:
    """One case: members with these numbers of attacks, on arms drawn at random."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(len(attacks)), attacks)
    n = len(member)
    size, kind = rng.integers(0, len(sizes), n), rng.integers(0, len(types), n)
    if without is not None:
        gone = (np.array(sizes)[size] == without[0]) & (np.array(types)[kind] == without[1])
        kind[gone] = 0
    x = rng.normal(0.8, 0.7, n)
    mturk = (rng.random(len(attacks)) < 0.7).astype(int)[member]
    effect = sd * rng.normal(0, 1, len(attacks))[member]
    noise, choice = rng.normal(0, 1, n), rng.logistic(0, 1, n)
    if sd == 0:  # the same mean for all members: less variance between them than chance gives
        size_of = np.bincount(member)
        noise -= (np.bincount(member, noise) / size_of)[member]
        choice -= (np.bincount(member, choice) / size_of)[member]
    score = 0.3 * size + 0.7 * kind + 0.2 * size * kind + 0.25 * x + 0.1 * mturk - 1
    latent = 0.8 * choice + effect - 0.4 * (score + noise)
    score += effect + noise
    rating = np.searchsorted(cuts, latent)
    lines = ["member,num_params,model_type,description,mturk,score,rating"]
    rows = zip(member, size, kind, x, mturk, score, rating, strict=True)
    for m, s, k, d, w, y, r in rows:
        lines.append(f"{m},{sizes[s]},{types[k]},{d:.4f},{w},{y:.4f},{r}")
    (FOLDER / f"{name}.csv").write_text("\n".join(lines) + "\n")


def main() -> None:
    """All cases."""
    write("balanced", [12] * 20, seed=1, sizes=("13B",), types=TYPES[:2])
    heavy = [260, 180, 90, 60, 30, 20, *[6] * 8, *[3] * 12, *[1] * 35]  # Gini 0.8
    write("unbalanced", heavy, seed=2, types=TYPES[::2])
    write("singles", [12, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 2, 2, *[1] * 90], seed=3, sizes=("13B",))
    write("interactions", [40, 35, 30, 30, 25, 25, 20, 20, *[10] * 20], seed=4)
    write("empty_cell", [25] * 12, seed=5, without=("52B", "rlhf"))
    write("boundary", [10] * 15, seed=6, sd=0, sizes=("13B",))
    write("rare", [15] * 24, seed=7, sizes=("13B",), cuts=(-2.4, 1.6, 2.7, 3.1))


if __name__ == "__main__":
    main()
