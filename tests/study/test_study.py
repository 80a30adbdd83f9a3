"""The study file: read strictly, explained plainly, hashed by its meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gadfly.errors import FileProblem, PersonError, StudyProblem
from gadfly.study.effort import estimate_effort
from gadfly.study.protocol import load_study
from gadfly.study.template import Endpoint, write_template


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_template(tmp_path / "My Study (1)")


def edit(path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def merge(path: Path, **changes: object) -> Path:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(values | changes, sort_keys=False), encoding="utf-8")
    return path


def test_the_template_is_a_valid_study(path: Path) -> None:
    file = load_study(path)
    assert file.study.name == "my-study-1"
    assert file.study.missing_facts() == []
    assert file.study.attacks == 200
    assert file.database_url.endswith("/study.db")


def test_the_hash_is_of_the_meaning_not_of_the_layout(path: Path) -> None:
    before = load_study(path).protocol_hash
    merge(path)  # comments, order of layout and quotes are gone
    assert load_study(path).protocol_hash == before
    assert load_study(edit(path, "quota: 50", "quota: 51")).protocol_hash != before


def test_the_text_of_the_brief_is_part_of_the_hash(path: Path) -> None:
    brief = path.parent / "mine.md"
    brief.write_text("---\nid: mine\nversion: 1\n---\nBe inventive.", encoding="utf-8")
    before = load_study(merge(path, brief="mine.md")).protocol_hash
    brief.write_text("---\nid: mine\nversion: 1\n---\nBe brief.", encoding="utf-8")
    assert load_study(path).protocol_hash != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed: 2022", "seed: many", "seed: must be a whole number; got 'many'"),
        ("seed: 2022", "sead: 2022", "sead is no key here; did you mean seed?"),
        ("seed: 2022", "sead: 2022", "seed is missing: From this every random draw"),
        ("quota: 50", "quota: 0", "arms[1].quota: must be greater than or equal to 1; got 0"),
        ("quota: 50", "quota: 12.5", "arms[1].quota: must be a whole number"),
        ("quota: 50", "quoter: 50", "arms[1].quoter is no key here; did you mean quota?"),
        ("num_params: large", "num_params: small", "two arms have the same model_type"),
        ("team_type: crowd", "team_type: croud", "team_type: must be 'crowd', 'in_house'"),
        ("kind: simulated", "kind: robots", "members: its kind must be one of"),
        ("kind: scripted, caution: 0.5", "kind: scripted", "arms[1].assistant.caution is missing"),
        ("kind: scripted, caution: 0.5", "caution: 0.5", "assistant: its kind must be one of"),
        ("kind: scripted, caution: 0.5", "kind: scripted, caution: .nan", "must be a number"),
        ("name: my-study-1", "name: My Study", "lower-case letters"),
        ("turns_max: 12", "turns_max: 2", "turns_asked is more than turns_max"),
        ("continue_with: more_harmful", "continue_with: less_harmful", "which is not asked"),
        ("skill_sd: 0.5", "skill_sd: -1", "members.population.skill_sd: must be greater"),
        ("seed: 2022", "seed: 2022\nseed: 2023", "seed is given twice"),
        ("title: My first red-team study", "title: ''", "title: must not be empty"),
        ("title: My first red-team study", "title: yes", "title: must be text; put it in quotes"),
    ],
)
def test_every_fault_is_told_with_its_line_and_in_plain_words(
    path: Path, old: str, new: str, said: str
) -> None:
    edit(path, old, new)
    with pytest.raises(StudyProblem) as problem:
        load_study(path)
    message = str(problem.value)
    assert said in message
    assert all(fault.startswith("line ") for fault in problem.value.faults)
    assert "pydantic" not in message
    assert "Traceback" not in message


def test_the_line_is_that_of_the_fault(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    third = [n for n, line in enumerate(lines, 1) if "quota: 50" in line][2]
    lines[third - 1] = lines[third - 1].replace("50", "-3")
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(StudyProblem, match=rf"line {third}: arms\[3\]\.quota"):
        load_study(path)


def test_a_list_of_faulty_entries_is_not_called_empty(path: Path) -> None:
    with pytest.raises(StudyProblem) as problem:
        load_study(merge(path, arms=[{"model_type": "a"}]))
    assert not any("at least one" in fault for fault in problem.value.faults)
    with pytest.raises(StudyProblem, match="arms: must have at least one entry"):
        load_study(merge(path, arms=[]))


def test_all_faults_come_at_once(path: Path) -> None:
    edit(path, "seed: 2022", "seed: x")
    edit(path, "quota: 50", "quota: x")
    edit(path, "team_type: crowd", "team_type: x")
    with pytest.raises(StudyProblem) as problem:
        load_study(path)
    assert len(problem.value.faults) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must hold keys and values"),
        (b"- a\n- b\n", "must hold keys and values"),
        (b"name: [1, 2\n", "line 2, column 1: not YAML"),
        (b"a:\tb\n\tc: d", "not YAML"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"name: !!python/object/apply:os.system ['true']", "not YAML"),
        (b"[" * 5000, "not YAML"),
        (b"when: 2026-01-01\n1: 2\n", "holds a value that a study cannot"),
    ],
)
def test_what_is_no_study_file_ends_in_one_message(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(PersonError, match=said):
        load_study(path)


def test_absent_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="gadfly init"):
        load_study(tmp_path / "none.yaml")
    with pytest.raises(FileProblem, match="is a folder"):
        load_study(tmp_path)


FACTS = {
    "contact": "Ada Example, ada@example.org",
    "adults_only": True,
    "ethics_reference": "Board of Example University, 2026-17",
    "pay_floor": {"amount": 15.0, "currency": "USD"},
}


CARE = {
    "support": "Bea Example, bea@example.org",
    "legal_contact": {"name": "Cy Example", "address": "cy@example.org"},
}


@pytest.mark.parametrize("fact", [*FACTS, *CARE, None])
def test_a_study_with_people_states_every_fact(path: Path, fact: str | None) -> None:
    launch = {key: value for key, value in FACTS.items() if key != fact}
    care = {key: value for key, value in CARE.items() if key != fact}
    people = {"kind": "human", "count": 20}
    file = load_study(merge(path, members=people, launch=launch, care=care))
    missing = file.study.missing_facts()
    assert len(missing) == (0 if fact is None else 1)
    assert fact is None or fact in missing[0]


def test_nobody_is_paid_less_than_the_floor(path: Path) -> None:
    people = {"kind": "human", "count": 20}
    care = CARE | {"pay": {"per_hour": 14.99}}
    file = load_study(merge(path, members=people, launch=FACTS, care=care))
    (said,) = file.study.missing_facts()
    assert "less than launch.pay_floor" in said


def test_an_endpoint_needs_the_word_of_whoever_owns_it(path: Path) -> None:
    url = "https://models.example.org/v1"
    arm = {
        "model_type": "plain lm",
        "num_params": "1B",
        "quota": 10,
        "assistant": {"kind": "endpoint", "base_url": url, "model": "m"},
    }
    file = load_study(merge(path, arms=[arm]))
    assert [url in file.study.missing_facts()[0], len(file.study.missing_facts())] == [True, 2]
    launch = {"authorisations": {url: "its owner, letter of 2026-02-03"}, "contact": "Ada"}
    assert load_study(merge(path, launch=launch)).study.missing_facts() == []


def test_a_key_can_never_stand_in_the_file(path: Path) -> None:
    assistant = {"kind": "endpoint", "base_url": "http://x/v1", "model": "m", "api_key": "k-1"}
    arm = {"model_type": "a", "num_params": "", "quota": 1, "assistant": assistant}
    with pytest.raises(StudyProblem, match="api_key is no key here; did you mean"):
        load_study(merge(path, arms=[arm]))


def test_effort_follows_from_quotas_and_rules(path: Path) -> None:
    machine = estimate_effort(load_study(path), concurrency=10)
    assert (machine.attacks, machine.calls, machine.endpoint_calls) == (200, 1600, 0)
    assert (machine.member_hours, machine.pay, machine.tokens_in) == (0, 0, 0)
    human = {"kind": "human", "count": 20}
    people = merge(path, members=human, launch=FACTS)
    effort = estimate_effort(load_study(people), concurrency=10)
    # 200 dialogues of 6 minutes, and each reviewed 3 times for 4
    assert (effort.member_hours, effort.pay, effort.currency) == (60.0, 900.0, "USD")
    assert "600 reviews of 4 minutes" in effort.assumptions
    fewer = merge(path, members=human, launch=FACTS, review={"per_attack": 2, "share": 0.5})
    assert estimate_effort(load_study(fewer), concurrency=10).member_hours == 20 + 200 / 15
    assert not [said for said in machine.assumptions if "reviews" in said]


def test_what_people_read_is_not_said_of_simulated_members(path: Path, tmp_path: Path) -> None:
    people = write_template(tmp_path / "people", people=True)
    assert "simulated" in load_study(path).study.purpose
    assert "simulated" not in yaml.safe_load(people.read_text(encoding="utf-8"))["purpose"]


def test_the_template_never_overwrites(path: Path) -> None:
    with pytest.raises(FileProblem, match="is there already"):
        write_template(path.parent)


@pytest.mark.parametrize(
    "url",
    [
        "http:///v1",
        "http://h:abc/v1",
        "http://h:99999/v1",
        "http://[::1/v1",
        "http://a..b/v1",
        "http://u:p@h/v1",
        "http://h/v1?key=1",
        "http://h\u200b/v1",
        f"http://{'x' * 64}/v1",
    ],
)
def test_an_address_that_is_none_is_told(path: Path, url: str) -> None:
    assistant = {"kind": "endpoint", "base_url": url, "model": "m"}
    arm = {"model_type": "a", "num_params": "", "quota": 1, "assistant": assistant}
    with pytest.raises(StudyProblem, match="base_url"):
        load_study(merge(path, arms=[arm]))


@pytest.mark.parametrize("name", ["2024", "on", "null", "0x10", "true"])
def test_a_folder_of_any_name_gives_a_study(tmp_path: Path, name: str) -> None:
    assert load_study(write_template(tmp_path / name)).study.name == f"study-{name}"


def test_an_endpoint_with_any_text_gives_a_study(tmp_path: Path) -> None:
    text = "\U0001f9ed: 'a' \"b\" # c"
    served = Endpoint("http://127.0.0.1:1/v1", text, text, text, key_variable="KEY")
    study = load_study(write_template(tmp_path / "a", served)).study
    assert study.launch.contact == text
    assert study.arms[0].num_params == text
    with pytest.raises(StudyProblem):
        write_template(tmp_path / "b", Endpoint("nonsense", "m", "c", "a"))
    assert not (tmp_path / "b" / "study.yaml").exists()


def test_what_reviewers_work_with_is_part_of_a_study_that_says_so(path: Path) -> None:
    before = load_study(path)
    assert "review" not in before.protocol
    asked = load_study(merge(path, review={"taxonomy": "mlcommons"}))
    assert asked.protocol["review"]["taxonomy"]["id"] == "mlcommons"
    assert asked.protocol["review"]["rubric"]["text"] == asked.materials.rubric.text
    people = load_study(merge(path, review={}, members={"kind": "human", "count": 20}))
    assert people.protocol["review"]["worked"]["items"]


@pytest.mark.parametrize("key", ["taxonomy", "rubric", "worked"])
def test_a_review_text_that_is_not_there_shows_when_the_study_is_read(path: Path, key: str) -> None:
    with pytest.raises(FileProblem, match="no such"):
        load_study(merge(path, review={key: "nowhere"}))
