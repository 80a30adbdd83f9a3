"""The model card: how a preference model was made, how well it does, and what it must not be
used for. ``card.json`` is for programs, ``README.md`` says the same to people.

Nothing in a card depends on the time or the machine, so that one training gives one card.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files

from pydantic import model_validator

from gadfly.errors import ProgrammerError
from gadfly.preference.evaluate import Evaluation
from gadfly.preference.lineage import lineage_hash, package_version
from gadfly.preference.train import Training
from gadfly.records.canonical import Record, pretty_json
from gadfly.records.estimate import Estimate

__all__ = [
    "Card",
    "TrainingFile",
    "card_json",
    "card_markdown",
    "counts_text",
    "estimate_text",
    "evaluation_lines",
    "limits_text",
    "make_card",
    "table",
]

_LIBRARIES = ("numpy", "scikit-learn", "scipy")
_FILE_HEAD = ("file", "SHA-256", "pairs", "unusable rows")
_FITS = {
    True: "The penalty is chosen within each training part. The interval takes the fits as given, "
    "and the choice of features is not part of it.",
    False: "The interval takes the training as given: another seed would give another model.",
}


class TrainingFile(Record):
    """One file of pairs."""

    name: str
    """Its name, without folders."""
    sha256: str
    """Hash of the file as it lies on disk."""
    n: int
    """Pairs read from it."""
    dropped: dict[str, int]
    """Rows of it that are no usable pair, by reason."""


class Card(Record):
    """What ``card.json`` holds."""

    name: str
    """What the model is called in tables."""
    version: str
    """Its version."""
    lineage: str
    """Hash of what it was made from."""
    command: str
    """The command that made it."""
    package_version: str
    """Version of Gadfly."""
    libraries: dict[str, str]
    """Versions of the libraries that did the sums."""
    seed: int
    """Seed of the folds, or of the split and the training."""
    kind: str = "linear"
    """Which scorer reads it."""
    base: str | None = None
    """The pretrained model it starts from; ``None`` for none."""
    settings: dict[str, str | int | float | bool]
    """How it was fitted: the penalty C of a linear model, the settings of a neural one."""
    files: tuple[TrainingFile, ...]
    """Training data."""
    mix: dict[str, int]
    """Training pairs by source."""
    dropped: dict[str, int]
    """Pairs left out, by reason, over all files."""
    n_pairs: int
    """Pairs it learned from."""
    n_conversations: int
    """Conversations they are of, by first human turn."""
    cross_validation: Evaluation | None = None
    """How models made in this way do on conversations they did not see: linear models."""
    held_out: Evaluation | None = None
    """How this model does on conversations that were kept from it: neural models."""
    limits: str
    """What it must not be used for, in Markdown."""

    @model_validator(mode="after")
    def _judged_once(self) -> Card:
        if (self.cross_validation is None) == (self.held_out is None):
            raise ValueError("a card holds one evaluation: cross_validation or held_out")
        return self

    @property
    def evaluation(self) -> Evaluation:
        """How well it does on conversations it did not see, however that was found."""
        found = self.cross_validation or self.held_out
        if found is None:
            raise ProgrammerError("a card without an evaluation cannot be made")
        return found


def make_card(training: Training, *, files: Sequence[TrainingFile], command: str) -> Card:
    """The card of a training."""
    prepared, scorer = training.prepared, training.scorer
    return Card(
        name=scorer.name,
        version=scorer.version,
        lineage=lineage_hash(scorer.lineage),
        command=command,
        package_version=package_version(),
        libraries={name: version(name) for name in _LIBRARIES},
        seed=scorer.lineage.seed or 0,
        settings={"penalty": training.penalty},
        files=tuple(files),
        mix=prepared.mix,
        dropped=prepared.dropped,
        n_pairs=len(prepared.pairs),
        n_conversations=prepared.n_conversations,
        cross_validation=training.cross_validation,
        limits=limits_text("limits.md"),
    )


def limits_text(name: str) -> str:
    """What a kind of model must not be used for, from the file beside this module."""
    return (files("gadfly.preference") / name).read_text(encoding="utf-8")


def card_json(card: Card) -> bytes:
    """The card for programs."""
    return pretty_json(card)


def card_markdown(card: Card) -> str:
    """The card for people."""
    found = card.evaluation
    what = "A linear model" if card.kind == "linear" else f"A language model ({card.kind})"
    parts = [
        f"# Preference model {_cell(card.name)} {card.version}",
        f"{what} that scores an assistant's replies for harmlessness; higher is safer. "
        "The difference of two replies' scores in one context is the log odds that people prefer "
        "the first.",
        "## What it was made from",
        *([f"Base: {_cell(card.base)}."] if card.base else []),
        *([table(_FILE_HEAD, _file_rows(card))] if card.files else []),
        table(("source", "pairs"), [(_cell(name), n) for name, n in card.mix.items()]),
        f"{card.n_pairs:,} pairs of {card.n_conversations:,} conversations. "
        f"Left out: {counts_text(card.dropped)}.",
        "## How well it does",
        f"On conversations it did not see: accuracy {estimate_text(found.accuracy)}; preferring "
        f"the shorter reply: {estimate_text(found.shorter_wins)}. Ties: {found.n_ties:,}. Expected "
        f"calibration error {found.ece:.3f}, log loss {found.log_loss:.3f} (knowing nothing: "
        "0.693).",
        table(
            ("source", "accuracy"),
            [(_cell(name), estimate_text(one)) for name, one in found.accuracy_by_source.items()],
        ),
        f"Method: {found.accuracy.method}. {_FITS[card.held_out is None]}",
        "By length, chosen minus rejected, in characters:",
        table(("difference", "pairs", "accuracy", "shorter wins"), _length_rows(found)),
        "## Limits",
        card.limits.strip(),
        "## How it was made",
        f"    {_cell(card.command)}",
        f"Gadfly {card.package_version}; "
        + ", ".join(f"{name} {got}" for name, got in card.libraries.items())
        + f"; seed {card.seed}; lineage {card.lineage}.",
        table(("setting", "value"), [(name, _cell(str(v))) for name, v in card.settings.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def evaluation_lines(found: Evaluation) -> list[str]:
    """An evaluation for the terminal."""
    lines = [
        f"{found.scorer} {found.version} on {found.n:,} pairs of {found.n_conversations:,} "
        f"conversations; left out: {counts_text(found.dropped)}",
        f"accuracy       {estimate_text(found.accuracy)}; ties, counted half: {found.n_ties:,}",
        f"shorter wins   {estimate_text(found.shorter_wins)}",
        f"ece            {found.ece:.3f}",
        f"log loss       {found.log_loss:.3f} (knowing nothing: 0.693)",
    ]
    if found.n_seen_in_training:
        lines.append(
            f"in training    {found.n_seen_in_training:,} of these pairs open like a conversation "
            "of its training data: the accuracy above flatters the model"
        )
    if found.accuracy_unseen is not None:
        lines.append(f"the others     {estimate_text(found.accuracy_unseen)}")
    for name, one in found.accuracy_by_source.items():
        lines.append(f"source {name}: {estimate_text(one)}")
    lines.append("chosen minus rejected, characters: pairs, accuracy, shorter wins")
    for _difference, n, accuracy, shorter in _length_rows(found):
        lines.append(f"  {_difference:>16}  {n:>6}  {accuracy}  {shorter}")
    return lines


def _file_rows(card: Card) -> list[tuple[object, ...]]:
    return [
        (_cell(file.name), f"`{file.sha256}`", f"{file.n:,}", counts_text(file.dropped))
        for file in card.files
    ]


def _length_rows(found: Evaluation) -> list[tuple[object, ...]]:
    return [
        (_span(one.low, one.high), one.n, _share(one.accuracy), _share(one.shorter_wins))
        for one in found.by_length_difference
    ]


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    """A name from outside, made safe for one cell or line of Markdown."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown.replace("|", "\\|").replace("<", "&lt;")


def counts_text(counts: dict[str, int]) -> str:
    """Counts by name in one phrase."""
    return ", ".join(f"{n:,} {_cell(name)}" for name, n in counts.items()) or "none"


def estimate_text(one: Estimate) -> str:
    """An estimate in one phrase, with its interval and n, or why it has none."""
    if one.estimate is None:
        return f"not estimable: {one.reason}"
    if one.low is None or one.high is None:
        return f"{one.estimate:.3f} (no interval: {one.reason})"
    return f"{one.estimate:.3f} [{one.low:.3f}, {one.high:.3f}] (n = {one.n:,})"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _span(low: int | None, high: int | None) -> str:
    if low is None:
        return f"below {high}"
    return f"{low} and above" if high is None else f"{low} to {high - 1}"
