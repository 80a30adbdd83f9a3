"""The mixed models of appendix A.3: a table for each outcome, and what covariates change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table
from gadfly.analysis.results import Mark
from gadfly.analysis.topics.mixed import Change, MixedModel, MixedModels, Outcome
from gadfly.analysis.topics.mixed_fit import Term
from gadfly.analysis.words import MARKS, data_name, interval, number, safe, scored
from gadfly.records.estimate import Estimate

__all__ = ["section", "term_name"]

_NAMES = {
    "rating": "self-rated success",
    "harmlessness": "min harmlessness",
    "task_description_harmlessness": "harmlessness of the task description",
    "is_mturk": "member from MTurk",
    "intercept": "constant",
}
_HEADS = {"arms": "Arms alone", "covariates": "With covariates", "other metric": "And other metric"}

_WIDER = 1.2  # times Wald's width, from which the report says so


def section(found: MixedModels, *, marks: Mapping[tuple[str, str], Mark] | None = None) -> Section:
    """Whether arms still differ with members and covariates taken into account.

    ``marks`` are the arms' lineage marks by (model_type, num_params): coefficients of the score
    show their signs, a type that of its worst arm.
    """
    against = f"{safe(found.reference_type or '–')} {safe(found.reference_size or '')}".strip()
    absent = [f"{term_name(name)} ({why})" for name, why in sorted(found.left_out.items())]
    notes = [
        "A coefficient of a covariate that is the same for all attacks of a member compares "
        "members, so it rests on their number, not on that of attacks.",
        "Intervals of linear models are by errors over members, which hold also where a member "
        "meets one arm with more success than another; those of the ordinal model assume that "
        f"members differ by their level alone, as lme4’s do.{_narrow(found)}",
    ]
    if found.dropped:
        notes.append(f"The mixed models leave out {found.dropped:,} attacks that lack a variable.")
    if absent:
        notes.append(f"The mixed models lack {', '.join(absent)}.")
    return Section(
        name="mixed",
        title="Mixed models",
        lead=(
            "Whether the arms still differ once it is taken into account who attacked, with what "
            f"task and from where. Arms are compared with {against}."
        ),
        parts=(
            _table(found, "rating", {}),
            _table(found, "harmlessness", _signs(marks or {})),
            *_change_tables(found),
        ),
        findings=tuple(_sentence(c) for c in found.changes if c.before == "arms"),
        terms=(
            (
                "Random intercept",
                "A model’s allowance for members: each may lie above or below the average by an "
                "amount of their own, so that a member with many attacks does not pass for many.",
            ),
            (
                "Size × type",
                "An interaction: by how much the type differs from the reference type at that size "
                "more than it does at the smallest size.",
            ),
        ),
        notes=tuple(notes),
    )


def _narrow(found: MixedModels) -> str:
    """By how much Wald's intervals of arms are too narrow, where they are."""
    every = [
        (_width(term.robust) / _width(term.estimate), term)
        for model in found.models
        for term in model.terms
        if term.kind in ("type", "size", "interaction")
        and term.robust
        and term.robust.low is not None
    ]
    if not every or (most := max(every, key=lambda pair: pair[0]))[0] < _WIDER:
        return ""
    return f" They are up to {most[0]:.1f} times as wide as lme4’s ({safe(most[1].name)})."


def _width(estimate: Estimate) -> float:
    return (estimate.high or 0.0) - (estimate.low or 0.0)


def term_name(term: str) -> str:
    """A variable of a model in words; an arm's own name as it is."""
    return scored(_NAMES[term]) if term in _NAMES else term


def _signs(marks: Mapping[tuple[str, str], Mark]) -> dict[str, str]:
    """The sign beside each coefficient of arms."""
    signs: dict[str, str] = {}
    for mark in ("independent", "unverified", "circular"):  # the worst comes last and stays
        for (kind, size), found in marks.items():
            if found == mark:
                signs[kind] = signs[f"{size} × {kind}"] = MARKS[found]
    return signs


def _table(found: MixedModels, outcome: Outcome, signs: Mapping[str, str]) -> Table:
    """Coefficients as rows, models as columns."""
    models = [model for model in found.models if model.outcome == outcome]
    every = dict.fromkeys((t.kind, t.name) for m in reversed(models) for t in m.terms)
    order = ("threshold", "intercept", "size", "type", "interaction", "covariate")
    keys = sorted(every, key=lambda key: order.index(key[0]))
    by_model = [{(term.kind, term.name): term for term in model.terms} for model in models]
    rows = [
        (
            Cell(f"{_label(kind, name)} {signs.get(name, '')}".strip()),
            *(_term(terms.get((kind, name))) for terms in by_model),
        )
        for kind, name in keys
    ]
    breaks = {i for i in range(1, len(keys)) if keys[i][0] != keys[i - 1][0]} | {len(rows)}
    below: dict[str, list[float | None]] = {
        "Standard deviation of members": [model.sd_member for model in models],
        "Standard deviation of the residual": [model.sd_residual for model in models],
        "Share of variance between members": [model.icc for model in models],
    }
    for label, values in below.items():
        rows.append((Cell(label), *(Cell(number(value, 3)) for value in values)))
    reasons = dict.fromkeys(f"{_head(m)}: {m.reason}." for m in models if m.reason is not None)
    aliased = dict.fromkeys(safe(name) for model in models for name in model.aliased)
    left = f" Without a coefficient of their own: {', '.join(aliased)}." if aliased else ""
    shown = (_best(model.terms[0]).method if model.terms else model.method for model in models)
    methods = dict.fromkeys(f"{method[0].upper()}{method[1:]}." for method in shown)
    return Table(
        name=f"mixed-{data_name(outcome).replace('_', '-')}",
        caption=f"Mixed models of {term_name(outcome)}",
        columns=("Coefficient", *(_head(model) for model in models)),
        rows=tuple(rows),
        breaks=frozenset(breaks),
        finding=" ".join(
            (*(_sentence(c) for c in found.changes if c.outcome == outcome), *reasons)
        ),
        method=f"{' '.join(methods)} {found.n:,} attacks by {found.members:,} members.{left}",
    )


def _label(kind: str, name: str) -> str:
    return f"threshold {name}" if kind == "threshold" else safe(term_name(name), longest=60)


def _head(model: MixedModel) -> str:
    head = _HEADS[model.version]
    return f"{head}, ordinal (logits)" if model.scale == "ordinal" else head


def _term(term: Term | None) -> Cell:
    if term is None:
        return Cell("–")
    best = _best(term)
    text = number(best.estimate, 3)
    return Cell(text, interval(best, 3)[len(text) + 1 :], doubt=best.reason is not None)


def _best(term: Term) -> Estimate:
    """The estimate that is shown: over members where there is one."""
    return term.robust or term.estimate


def _change_tables(found: MixedModels) -> Sequence[Table]:
    if not found.changes:
        return ()
    rows = tuple(
        (
            Cell(f"{term_name(c.outcome)}: {_HEADS[c.before].lower()}, {_HEADS[c.after].lower()}"),
            Cell(safe(c.term, longest=60)),
            Cell(number(c.change, 3)),
            Cell(_differ(c)),
        )
        for c in found.changes
    )
    columns = ("Models", "Changes most", "By", "Intervals that come to hold 0 or cease to")
    caption = "What covariates do to the coefficients of arms"
    return (Table("mixed-changes", caption, columns, rows, words=True),)


def _differ(change: Change) -> str:
    if change.differ is None:
        return "no intervals to compare"
    return ", ".join(safe(name) for name in change.differ) or "none"


def _sentence(change: Change) -> str:
    """What covariates do, in words."""
    added = {"covariates": "the covariates", "other metric": "the other metric"}[change.after]
    kept = "no interval comes to hold 0 or ceases to"
    if change.differ is None:
        kept = "there are no intervals to compare"
    elif change.differ:
        kept = f"intervals that come to hold 0 or cease to: {len(change.differ)}"
    size = number(abs(change.change), 3)
    return (
        f"Adding {added} to the model of {term_name(change.outcome)} changes coefficients of arms "
        f"by at most {size} ({safe(change.term, longest=60)}); {kept}."
    )
