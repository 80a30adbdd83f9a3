"""results.json: its form, its schema and the page that describes it."""

from __future__ import annotations

import orjson
from jsonschema import Draft202012Validator

from gadfly.analysis.provenance import git_state
from gadfly.analysis.reproduce.reproduce import Reproduction
from gadfly.analysis.results import ESTIMATES, Results, results_json
from gadfly.analysis.schema import COMMAND, DOCS, REPRODUCTION, SCHEMA, docs_text, schema_text
from tests.analysis.studies import attacks, results


def test_the_shipped_schema_is_the_generated_one() -> None:
    assert SCHEMA.read_bytes() == schema_text(), f"run: {COMMAND}"
    assert REPRODUCTION.read_bytes() == schema_text(Reproduction), f"run: {COMMAND}"


def test_the_page_is_the_generated_one() -> None:
    assert DOCS.read_text(encoding="utf-8") == docs_text(), f"run: {COMMAND}"
    assert COMMAND in docs_text()


def test_real_results_keep_the_schema() -> None:
    schema = orjson.loads(SCHEMA.read_bytes())
    Draft202012Validator.check_schema(schema)
    for frame in (attacks(n=300, missing=0.1), attacks((("mine", ""),), n=3, members=1)):
        Draft202012Validator(schema).validate(orjson.loads(results_json(results(frame))))


def test_results_read_back() -> None:
    found = results(attacks(missing=0.1))
    text = results_json(found)
    assert Results.model_validate_json(text) == found
    assert results_json(Results.model_validate_json(text)) == text


def test_the_text_is_pretty_with_sorted_keys() -> None:
    text = results_json(results(attacks()))
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    assert text == orjson.dumps(orjson.loads(text), option=options)


def test_every_field_is_described() -> None:
    for line in docs_text().splitlines():
        if line.startswith("| `"):
            assert not line.endswith("|  |"), line


def test_the_statistics_are_the_ten_of_the_design() -> None:
    assert len(ESTIMATES) == 10


def test_the_commit_is_that_of_this_checkout() -> None:
    commit, dirty = git_state()
    assert commit is None or (len(commit) == 40 and dirty is not None)
