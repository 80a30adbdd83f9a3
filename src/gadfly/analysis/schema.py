"""The form of ``results.json``, generated from the classes: the JSON schema and its page.

    python -m gadfly.analysis.schema

writes ``results.schema.json`` and ``reproduction.schema.json`` (``gadfly reproduce``) beside this
file, and ``docs/results.md`` in the checkout. Tests compare them with what this module generates.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gadfly.analysis.reproduce.reproduce import Reproduction
from gadfly.analysis.results import Results
from gadfly.records.canonical import Record

__all__ = ["COMMAND", "DOCS", "REPRODUCTION", "SCHEMA", "docs_text", "main", "schema_text"]

COMMAND = "python -m gadfly.analysis.schema"
SCHEMA = Path(__file__).with_name("results.schema.json")
REPRODUCTION = Path(__file__).with_name("reproduction.schema.json")
DOCS = Path(__file__).resolve().parents[3] / "docs" / "results.md"

_HEAD = f"""# results.json

`gadfly analyze` writes `results.json` beside the report: every number of the report, the curves of
its violins included, and how they came to be. It is UTF-8 JSON with sorted keys. Its JSON schema is
shipped in the package as `gadfly/analysis/results.schema.json`; that of `gadfly reproduce`, which
holds one of these and the comparison with the paper, as `gadfly/analysis/reproduction.schema.json`.

A statistic is an [Estimate](#estimate) everywhere. Where it cannot be estimated, `estimate` is null
and `reason` says why; where only the interval is missing, `low` and `high` are null. A `reason`
beside an interval says why it is weak.

This page is generated from the classes in `src/gadfly/analysis/results.py` by `{COMMAND}`.
"""


def schema_text(form: type[Record] = Results) -> bytes:
    """The JSON schema of results, or of a reproduction's, as shipped."""
    schema = form.model_json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def docs_text() -> str:
    """The page that describes results, one table per object."""
    schema = orjson.loads(schema_text())
    parts = [_HEAD, *_table("Results", schema)]
    for name, part in schema["$defs"].items():
        if "properties" in part:
            parts += _table(name, part)
    return "\n".join(parts)


def _table(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """One object: what it is, and a line for each of its fields."""
    yield f"## {name}\n"
    yield " ".join(schema.get("description", "").split("\n\n")[0].split()) + "\n"
    yield "| field | type | meaning |"
    yield "| :-- | :-- | :-- |"
    for field, part in schema["properties"].items():
        meaning = " ".join(part.get("description", "").split()).replace("``None``", "null")
        cells = (f"`{field}`", _type(part), meaning.replace("``", "`"))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _type(part: dict[str, Any]) -> str:
    """A JSON type in a few words."""
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[-1]
        return "any JSON" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    if "anyOf" in part:
        return " or ".join(_type(option) for option in part["anyOf"])
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return " or ".join(f"`{value}`" for value in part["enum"])
    kind = str(part.get("type", "any JSON"))
    if kind == "array":
        return f"list of {_type(part.get('items', {}))}"
    if kind == "object":
        return f"object of {_type(part.get('additionalProperties', {}))}"
    return f"{kind} ({part['format']})" if "format" in part else kind


def main() -> None:
    """Write the files."""
    SCHEMA.write_bytes(schema_text())
    REPRODUCTION.write_bytes(schema_text(Reproduction))
    DOCS.write_text(docs_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
