"""The arrival key of a study file: faults in plain words; addresses that no text can steer."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gadfly.records.canonical import Record
from gadfly.study.arrival import ArrivalSpec, ExternalQuestionSpec, ProlificSpec, RedirectSpec
from gadfly.study.faults import explain, read_yaml


class Holder(Record):
    """A study file with nothing else in it."""

    arrival: ArrivalSpec = ArrivalSpec()
    """Who may come in."""


def read(tmp_path: Path, text: str) -> Holder | list[str]:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    document = read_yaml(path)
    try:
        return Holder.model_validate_json(document.json)
    except ValidationError as error:
        return explain(error, Holder, document)


PROLIFIC = """\
arrival:
  platform:
    kind: prolific
    audience: study.example.org
    workspace: 60d9aadeb86739de712faee0
"""
REDIRECT = """\
arrival:
  open: true
  platform:
    kind: redirect
    name: panel
    returns:
      complete: https://panel.example/end?rst=1&pid={id}&code={code}
      early_exit: https://panel.example/end?rst=2&pid={id}
      no_consent: https://panel.example/end?rst=3
      failed_check: https://panel.example/end/4/{id}
"""
TURK = "arrival:\n  platform:\n    kind: external_question\n"


def test_nothing_said_lets_nobody_in(tmp_path: Path) -> None:
    held = read(tmp_path, "arrival: {}\n")
    assert isinstance(held, Holder)
    assert held.arrival == ArrivalSpec(open=False, platform=None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [(PROLIFIC, ProlificSpec), (REDIRECT, RedirectSpec), (TURK, ExternalQuestionSpec)],
)
def test_each_platform_is_read_and_returns_to_the_same_file(
    tmp_path: Path, text: str, kind: type[Record]
) -> None:
    held = read(tmp_path, text)
    assert isinstance(held, Holder)
    assert isinstance(held.arrival.platform, kind)
    assert Holder.model_validate_json(held.model_dump_json()) == held


def test_no_secret_has_a_place_in_the_file(tmp_path: Path) -> None:
    for key in ("token", "webhook_secret", "codes"):
        faults = read(tmp_path, PROLIFIC + f"    {key}: abc\n")
        assert isinstance(faults, list)
        assert f"line 6: arrival.platform.{key} is no key here" in faults[0]


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (PROLIFIC, "kind: prolific", "kind: mturk", "line 2: arrival.platform: its kind must be"),
        (PROLIFIC, "    audience: study.example.org\n", "", "signed arrivals need audience"),
        (PROLIFIC, "workspace: 60d9aadeb86739de712faee0", "signed: true", "need workspace"),
        (PROLIFIC, "study.example.org", "https://study.example.org", "It says: Domain of this"),
        (PROLIFIC, "audience", "audiense", "did you mean audience?"),
        (PROLIFIC, "kind: prolific", "kind: prolific\n    api: http://api.prolific.com", "https"),
        (PROLIFIC, "kind: prolific", "kind: prolific\n    api: ftp://127.0.0.1", "must be an add"),
        (PROLIFIC, "kind: prolific", "kind: prolific\n    api: https://a@b.example", "no placeho"),
        (
            PROLIFIC,
            "kind: prolific",
            "kind: prolific\n    signed: maybe",
            "It says: true: Prolific",
        ),
        (
            PROLIFIC,
            "kind: prolific",
            "kind: prolific\n    token_variable: sk-1",
            "It says: Environ",
        ),
        (REDIRECT, "https://panel.example/end?rst=3", "http://panel.example/", "begins with https"),
        (REDIRECT, "https://panel.example/end?rst=3", "https://{id}.example/", "host must be wri"),
        (REDIRECT, "https://panel.example/end?rst=3", "https://a.example:x/", "it is no address"),
        (REDIRECT, "https://panel.example/end?rst=3", "https://a@b.example/", "host must be wri"),
        (REDIRECT, "https://panel.example/end?rst=3", "https:///end", "must be an address"),
        (REDIRECT, "{id}&code", "{name}&code", "the placeholders of a return address are"),
        (REDIRECT, "      no_consent: https://panel.example/end?rst=3\n", "", "no_consent is miss"),
        (TURK, "kind: external_question", "kind: external_question\n    submit_hosts: []", "at le"),
        (
            TURK,
            "kind: external_question",
            "kind: external_question\n    submit_hosts: ['https://www.mturk.com']",
            "It says: Hosts that a finished",
        ),
    ],
)
def test_faults_are_explained(tmp_path: Path, text: str, old: str, new: str, said: str) -> None:
    assert old in text
    faults = read(tmp_path, text.replace(old, new))
    assert isinstance(faults, list)
    assert any(said in fault and fault.startswith("line ") for fault in faults), faults
