"""How far the intercept of a member, as a mixed model predicts it, may be from the true one.

Conditional variances (lme4's ``condVar``) take the model as known; intervals from them are too
short where members are few. With γ_m = n_m φ / (1 + n_m φ) the share of a member's mean deviation
that is kept, x̄_m the mean of its columns and V the covariance of the fixed effects, the mean
squared error is

    g₁ + g₂ + 2 g₃,   g₁ = (1 − γ_m) σ_m²                       the conditional variance
                      g₂ = γ_m² x̄_m' V x̄_m                      for the fixed effects
                      g₃ = n_m⁻² (σ_m² + σ²/n_m)⁻³ h            for the variances

with h = σ⁴ V(σ_m²) + σ_m⁴ V(σ²) − 2 σ² σ_m² C(σ², σ_m²) from the inverse information of the two
variances; g₃ counts twice because g₁ at estimated variances is too small by as much.

Reference: Prasad & Rao 1990, "The Estimation of the Mean Squared Error of Small-Area Estimators",
*Journal of the American Statistical Association* 85(409); Rao & Molina 2015, *Small Area
Estimation*, 2nd edition, section 7.2.
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.mixed_linear import LinearFit, member_means
from gadfly.analysis.statistics.protocol import Regime

__all__ = ["REGIME", "prediction_errors"]

REGIME = Regime("approximate", members=10, assumes="the model holds")
"""Where intervals of intercepts hold their level, over members and studies."""


def prediction_errors(fit: LinearFit, x: Floats, members: Ints) -> Floats:
    """Root mean squared error of each member's intercept; 0 where members do not differ.

    :param x: the columns that the model was fitted to, [rows, columns].
    :param members: number of each row's member, from 0 without gaps.
    """
    if fit.boundary:
        return np.zeros(len(fit.modes))
    n = np.bincount(members).astype(np.float64)
    of_member, rest = fit.sd_member**2, fit.sigma**2
    kept = n * of_member / (n * of_member + rest)
    means = member_means(x[:, fit.kept], members)
    fixed = kept**2 * np.einsum("mi,ij,mj->m", means, fit.covariance, means)
    total = rest + n * of_member
    cross = (n / total**2).sum() / 2
    residual = (((n - 1) / rest**2).sum() + (1 / total**2).sum()) / 2
    covariance = np.linalg.inv(np.array([[(n**2 / total**2).sum() / 2, cross], [cross, residual]]))
    h = np.array([rest, -of_member]) @ covariance @ np.array([rest, -of_member])
    variances = h / n**2 / (of_member + rest / n) ** 3
    return np.asarray(np.sqrt(fit.mode_variances + fixed + 2 * variances))
