"""What a study's report may show of its people: counts and means, and nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gadfly.care.feelings import Answered, split
from gadfly.care.forms import CareForms, read_forms
from gadfly.care.settings import CareSpec
from gadfly.run.surveys import study_surveys
from gadfly.store.feelings import Feeling, Feelings
from gadfly.store.people import People, Person
from gadfly.store.store import Store

SLIDER, SPANE = "affective-slider@1", "spane@1"


class World:
    """A study of twelve people; sad people, of whom one feels as no other does."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.forms: CareForms = read_forms(CareSpec(), folder)
        self.kept, self.store = Feelings(store), store
        study = store.add_study("town", "sha256:0", "{}")
        self.roster, self.study = People(store), study
        for _ in range(12):
            self.roster.add(study, ["member"])

    @property
    def people(self) -> list[Person]:
        return self.roster.of_study(self.study)

    def says(self, person: Person, task: int, moment: str, name: str, **answers: float) -> None:
        assert self.kept.keep(person, Feeling(task, moment, name, answers, distressed=False))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(Store(f"sqlite:///{tmp_path / 'study.db'}")) as store:
        yield World(store, tmp_path)


def test_nobody_answered(world: World) -> None:
    assert study_surveys(world.kept, world.people, world.forms) is None


def test_counts_rounds_and_the_split_of_the_site(world: World) -> None:
    spane = next(one for one in world.forms.survey if one.label == SPANE)
    for n, person in enumerate(world.people):
        world.kept.keep_demographics(person, {"gender": ["Woman" if n < 9 else "Man"]}, named=False)
        world.says(person, 1, "before", SLIDER, pleasure=0.8)
        world.says(person, 1, "after", SLIDER, pleasure=0.5 + n / 100)
        world.says(person, 2, "after", SLIDER, pleasure=0.4)
        for task in (1, 2):
            mood = {item.id: float(task) for item in spane.items}
            world.says(person, task, "survey", SPANE, **mood)
    found = study_surveys(world.kept, world.people, world.forms)
    assert found is not None
    assert found.answered == 10  # by fives
    gender = {c.text: c.people for c in found.questions[0].choices}
    assert all(n is None or n >= 5 for n in gender.values())
    groups = world.kept.groups(world.people, SLIDER, "pleasure")
    site = split({k: [Answered(*one) for one in rows] for k, rows in groups.items()}, step=0.05)
    assert [(b.people, b.mean, b.change) for b in found.briefs] == [
        (g.n, g.mean, g.change) for g in site.values()
    ]
    second = [r for r in found.rounds if r.asked == "survey" and r.round == 2]
    assert {r.item for r in second} == {"positive feelings", "negative feelings"}
    assert {r.change.estimate for r in second} == {1.0}
    after = [r for r in found.rounds if r.asked == "after a task" and r.item == "pleasure"]
    assert [(r.round, r.mean.estimate, r.mean.n) for r in after] == [(1, 0.4, 10)]
    names = [person.name for person in world.people] + [person.id for person in world.people]
    assert not any(name in json.dumps(found.model_dump()) for name in names)


def test_four_people_are_nobody(world: World) -> None:
    for person in world.people[:4]:
        world.says(person, 1, "survey", SPANE, sad=5.0)
        world.says(person, 1, "after", SLIDER, pleasure=0.1)
        world.kept.keep_demographics(person, {"gender": ["Woman"]}, named=False)
    found = study_surveys(world.kept, world.people, world.forms)
    assert found is not None
    assert found.items == found.rounds == ()
    assert [(b.people, b.mean) for b in found.briefs] == [(None, None)]
    assert all(c.people is None for q in found.questions for c in q.choices)


def test_numbers_of_people_mean_nothing(world: World) -> None:
    for person in world.people:
        world.says(person, 1, "survey", SPANE, sad=1.0)
    drawn = {tuple(n for n, _ in world.kept.unnamed(world.people)) for _ in range(5)}
    assert len(drawn) > 1
    assert all(sorted(one) == list(range(12)) for one in drawn)
