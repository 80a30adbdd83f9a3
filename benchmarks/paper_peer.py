"""The analysis of the paper as one writes it today: pandas, seaborn's bars, statsmodels.

    python -m benchmarks.paper_peer FILE [--iid]

The four numbers of each arm that ``gadfly analyze`` prints (mean rating, success rate, mean score,
mean of the worst 5%) as bars whose intervals come from 2,000 resamples of members (seaborn's
``units``; with ``--iid`` 1,000 of attacks, as in the paper), the violins of Figure 1, and the mixed
models of appendix A.3 for both outcomes. Prints the seconds of each step as JSON.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

begun = time.perf_counter()

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import seaborn as sns  # noqa: E402
import statsmodels.formula.api as smf  # noqa: E402

SIZES = ["2.7B", "13B", "52B"]
MODEL = "{} ~ C(num_params) * C(model_type) + description + is_upworker"


def worst(scores: np.ndarray) -> float:
    """The mean of the lowest 5%."""
    count = max(1, int(0.05 * len(scores)))
    return float(np.partition(scores, count - 1)[:count].mean())


def main(path: Path, *, iid: bool) -> dict[str, float]:
    """Seconds by step."""
    marks = {"import": time.perf_counter()}
    with gzip.open(path, "rt") as file:
        frame = pd.DataFrame(json.load(file))
    frame = frame.rename(
        columns={
            "min_harmlessness_score_transcript": "score",
            "task_descripton_harmlessness_score": "description",
            "red_team_member_id": "member",
        }
    )
    frame["is_upworker"] = frame["is_upworker"].astype(int)
    marks["read"] = time.perf_counter()
    frame["success"] = frame["rating"] >= 3
    figure, axes = plt.subplots(1, 5, figsize=(25, 4))
    look = {"data": frame, "x": "num_params", "hue": "model_type", "order": SIZES}
    bars = {"n_boot": 1000} if iid else {"n_boot": 2000, "units": "member"}
    shown = {"rating": "mean", "success": "mean", "score": "mean", "tail": worst}
    frame["tail"] = frame["score"]
    for axis, (outcome, estimator) in zip(axes, shown.items(), strict=False):
        sns.barplot(**look, y=outcome, estimator=estimator, ax=axis, seed=0, **bars)
    marks["bars"] = time.perf_counter()
    sns.violinplot(**look, y="score", ax=axes[4])
    with tempfile.TemporaryDirectory() as folder:
        figure.savefig(Path(folder) / "figure1.svg")
    marks["violins"] = time.perf_counter()
    for outcome in ("rating", "score"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what does not converge is left as it is
            smf.mixedlm(MODEL.format(outcome), frame, groups=frame["member"]).fit()
    marks["models"] = time.perf_counter()
    starts = [begun, *marks.values()]
    return {name: end - start for (name, end), start in zip(marks.items(), starts, strict=False)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), iid="--iid" in sys.argv)))
