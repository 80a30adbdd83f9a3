"""Makes agreement_reference.json: coefficients of agreement by packages that are not this one.

Run it in an environment of its own; none of these packages is a dependency:

    pip install krippendorff==0.9.0 irrCAC==0.4.4 pingouin==0.6.1 statsmodels==0.15.0 \
        crowd-kit==1.4.2
    python tests/analysis/agreement_reference.py

Tables are drawn: raters see a truth with a probability of their own and else guess, and some
ratings are missing. Krippendorff's alpha is from krippendorff, Fleiss' and Cohen's kappa from
statsmodels (Light's kappa is the mean of Cohen's over pairs of raters), Gwet's AC from irrCAC,
the ICC with its interval from pingouin (where ratings are missing from statsmodels' analysis of
variance), Dawid and Skene's model from crowd-kit.
"""

import json
from itertools import combinations
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pingouin
from crowdkit.aggregation import DawidSkene
from irrCAC.raw import CAC
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

KINDS = {"unweighted": None, "linear": "linear", "quadratic": "quadratic"}


def drawn(seed: int, items: int, raters: int, values: int, missing: float) -> np.ndarray:
    """A table of items and raters."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(values, size=(items, 1), p=rng.dirichlet([2.0] * values))
    sees = rng.random((items, raters)) < rng.uniform(0.4, 0.9, size=raters)
    table = np.where(sees, truth, rng.integers(0, values, size=(items, raters))).astype(float)
    table[rng.random((items, raters)) < missing] = np.nan
    return table


def alphas(table: np.ndarray) -> dict[str, float]:
    return {
        scale: float(krippendorff.alpha(table.T, level_of_measurement=scale))
        for scale in ("nominal", "ordinal", "interval")
    }


def light(table: np.ndarray) -> dict[str, float]:
    values = np.unique(table[np.isfinite(table)])
    found = {}
    for name, kind in KINDS.items():
        kappas = []
        for a, b in combinations(range(table.shape[1]), 2):
            both = table[np.isfinite(table[:, a] + table[:, b])][:, [a, b]]
            cross = np.array([[np.sum((both == (c, d)).all(1)) for d in values] for c in values])
            kappas.append(
                cohens_kappa(cross, weights=kind and values, wt=kind, return_results=False)
            )
        found[name] = float(np.mean(kappas))
    return found


def gwet(table: np.ndarray) -> dict[str, float]:
    frame = pd.DataFrame(table)
    found = {}
    for name in KINDS:
        weights = "identity" if name == "unweighted" else name
        coefficient = CAC(frame, weights=weights, digits=15).gwet()["est"]
        found[name] = float(coefficient["coefficient_value"])
    return found


def iccs(table: np.ndarray) -> dict[str, list[float]]:
    long = pd.DataFrame(table).reset_index().melt("index", var_name="rater", value_name="rating")
    pingouin.options["round"] = None
    for key in list(pingouin.options):
        if key.startswith("round"):
            pingouin.options[key] = None
    found = pingouin.intraclass_corr(long, targets="index", raters="rater", ratings="rating")
    rows = found.set_index("Type")
    names = {"(1,1)": "ICC(1,1)", "(2,1)": "ICC(A,1)", "(1,k)": "ICC(1,k)", "(2,k)": "ICC(A,k)"}
    return {
        form: [float(rows.loc[name, "ICC"]), *map(float, rows.loc[name, "CI95"])]
        for form, name in names.items()
    }


def one_way(table: np.ndarray) -> float:
    """ICC(1,1) with ratings missing, by the mean squares of an analysis of variance."""
    table = table[np.isfinite(table).sum(axis=1) > 1]
    item, _ = np.nonzero(np.isfinite(table))
    long = pd.DataFrame({"rating": table[np.isfinite(table)], "item": item})
    between, within = anova_lm(ols("rating ~ C(item)", long).fit())["mean_sq"]
    sizes = long["item"].value_counts()
    k = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(sizes) - 1)
    return float((between - within) / (between + (k - 1) * within))


def model(table: np.ndarray) -> dict[str, list]:
    item, rater = np.nonzero(np.isfinite(table))
    answers = pd.DataFrame({"task": item, "worker": rater, "label": table[item, rater]})
    fitted = DawidSkene(n_iter=5000, tol=1e-14).fit(answers)
    posterior = fitted.probas_.sort_index()[sorted(fitted.probas_.columns)]
    return {
        "posterior": posterior.to_numpy().tolist(),
        "prevalence": fitted.priors_.sort_index().tolist(),
    }


def reference(table: np.ndarray) -> dict:
    complete = bool(np.isfinite(table).all())
    found = {
        "ratings": [[None if np.isnan(x) else x for x in row] for row in table.tolist()],
        "alpha": alphas(table),
        "light": light(table),
        "gwet": gwet(table),
    }
    if complete:
        found["fleiss"] = float(fleiss_kappa(aggregate_raters(table.astype(int))[0]))
        found["icc"] = iccs(table)
    else:
        found["icc_one_way"] = one_way(table)
    return found


def main() -> None:
    """Write the file beside this one."""
    shapes = [(12, 2, 2, 0.0), (25, 3, 5, 0.0), (40, 4, 3, 0.0), (30, 5, 5, 0.3), (60, 3, 4, 0.15)]
    tables = [reference(drawn(seed, *shape)) for seed, shape in enumerate(shapes)]
    planted = drawn(11, 120, 4, 3, 0.1)
    tables.append(reference(planted) | {"dawid_skene": model(planted)})
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(tables, separators=(",", ":")) + "\n")
    print(f"{path}: {len(tables)} tables")


if __name__ == "__main__":
    main()
