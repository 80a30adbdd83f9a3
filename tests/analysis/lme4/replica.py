"""Writes the columns that ``reference.R`` fits: ``python replica.py REPLICA.jsonl.gz OUT.csv``."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from gadfly.records.reading import read_attack_frame


def main(replica: str, out: str) -> None:
    """One row per attack, without text."""
    frame = read_attack_frame(Path(replica)).frame
    frame.select(
        "member",
        "num_params",
        "model_type",
        pl.col("task_description_harmlessness").alias("description"),
        (~pl.col("is_upworker")).cast(pl.Int64).alias("mturk"),
        pl.col("min_harmlessness").alias("score"),
        pl.col("rating").cast(pl.Int64),
    ).write_csv(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
