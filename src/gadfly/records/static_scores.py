"""Scores of replies to static prompts, in long form: a row for each arm and prompt.

Columns: ``model_type`` and ``num_params`` of the arm as the attacks name it, ``prompt`` (a name or
a number, never its text), ``score`` of the reply by the scorer of the attacks; empty where no reply
came. An arm without a size has an empty ``num_params``.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gadfly.errors import FileProblem

__all__ = ["STATIC_COLUMNS", "read_static_scores"]

STATIC_COLUMNS: dict[str, pl.DataType] = {
    "model_type": pl.String(),
    "num_params": pl.String(),
    "prompt": pl.String(),
    "score": pl.Float64(),
}


def read_static_scores(path: Path) -> pl.DataFrame:
    """A file of static scores, CSV or Parquet by its name.

    :raises FileProblem: it cannot be read, lacks a column, a score is no number, a row has no arm
        or no prompt, or an arm has a prompt twice.
    """
    try:
        found = (
            pl.read_parquet(path)
            if path.suffix == ".parquet"
            else pl.read_csv(path, infer_schema=False)
        )
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise FileProblem(path, f"is neither CSV nor Parquet of static scores: {error}") from None
    if missing := [name for name in STATIC_COLUMNS if name not in found.columns]:
        raise FileProblem(path, f"has no column {missing[0]}; it needs {', '.join(STATIC_COLUMNS)}")
    try:
        found = found.select(list(STATIC_COLUMNS)).cast(pl.Schema(STATIC_COLUMNS))
    except pl.exceptions.PolarsError as error:
        raise FileProblem(path, f"a score is no number: {error}") from None
    found = found.with_columns(pl.col("num_params").fill_null(""))  # as CSV has an empty one
    if bad := found.select("model_type", "prompt").null_count().sum_horizontal().item():
        raise FileProblem(path, f"{bad:,} rows lack model_type or prompt; give each row both")
    if bad := found.filter(~pl.col("score").is_finite()).height:
        raise FileProblem(path, f"{bad:,} scores are not finite; leave those without a reply empty")
    keys = ["model_type", "num_params", "prompt"]
    if twice := found.filter(found.select(keys).is_duplicated()).rows():
        kind, size, prompt, _ = twice[0]
        raise FileProblem(path, f"arm {kind} {size} has prompt {prompt} twice; give each once")
    return found
