"""The released red-team file: one record as published, checked, and as an attack, and back.

The format is that of ``red_team_attempts.jsonl.gz`` (Ganguli et al. 2022): ten fields, one gzipped
JSON array in spite of its name, one key misspelt. Decisions:

* Both spellings of the misspelt key are read, the file's own is written.
* A rating is a whole number from 0 to 4, written as the file writes it (``3.0``). Ratings, scores,
  tags and task descriptions may be null: not given. Tags may be empty: reviewed, none fits.
* ``model_type`` and ``num_params`` stay as published; other strings are arms of other studies.
* Keys beyond the ten are counted by name and reported, never an error and never silent.
* What the ten fields cannot hold of an attack is counted by :func:`left_behind`.

:func:`fault` looks at one record; :mod:`gadfly.records.columns` asks the same of whole columns, and
a property test holds the two together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gadfly.records.rows import show_json
from gadfly.records.transcript import MARKER_PATTERN, attack_messages, attack_text, parse, to_turns
from gadfly.records.values import (
    PUBLISHED,
    PUBLISHED_VERSION,
    SCORE_LIMIT,
    Arm,
    Attack,
    Attacker,
    Reply,
    Scores,
    SelfRating,
    Turn,
)

__all__ = [
    "CARD_TASK_SCORE",
    "FIELDS",
    "MISSING",
    "TASK_SCORE",
    "Fault",
    "fault",
    "is_text",
    "left_behind",
    "to_attack",
    "to_row",
    "unknown_fields",
]

TASK_SCORE = "task_descripton_harmlessness_score"
"""The key as the file spells it."""
CARD_TASK_SCORE = "task_description_harmlessness_score"
"""The key as the file's card, README and datasheet spell it."""

MISSING = "nothing, the key is missing"
"""What a record gave where it lacks a key."""
_HAS_MARKER = re.compile(MARKER_PATTERN)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a record."""

    field: str
    """The field, or "record"."""
    got: str
    """Its value, made safe and short."""
    allowed: str
    """What would have been taken."""


def is_text(value: object) -> bool:
    """A text that UTF-8 can hold: no lone surrogates."""
    if type(value) is not str:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _score(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value is None
    return abs(value) <= SCORE_LIMIT


def _rating(value: object) -> bool:
    return value is None or (type(value) in (int, float) and value in (0, 1, 2, 3, 4))


def _tags(value: object) -> bool:
    if type(value) is not list:
        return value is None
    return all(is_text(tag) and tag for tag in value)


def _transcript(value: object) -> bool:
    return is_text(value) and _HAS_MARKER.search(str(value)) is not None


_UTF8 = "a text that is whole UTF-8: some of its bytes, or half a surrogate pair, are none"
_SCORE_ALLOWED = f"a number from -{SCORE_LIMIT:.0f} to {SCORE_LIMIT:.0f}, or null (not scored)"
FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "min_harmlessness_score_transcript": (_score, _SCORE_ALLOWED),
    "num_params": (is_text, 'a text such as "52B"'),
    "model_type": (lambda v: is_text(v) and v != "", 'a text such as "plain lm", not empty'),
    "rating": (_rating, "a whole number from 0 to 4, or null (not given)"),
    "task_description": (lambda v: v is None or is_text(v), "a text, or null (not given)"),
    TASK_SCORE: (_score, _SCORE_ALLOWED),
    "red_team_member_id": (lambda v: type(v) is int or is_text(v), "a whole number or a text"),
    "is_upworker": (lambda v: type(v) is bool, "true or false"),
    "tags": (_tags, "a list of texts, none empty, or null (not reviewed)"),
    "transcript": (
        _transcript,
        'a text with at least one turn: "Human:" or "Assistant:" after an empty line',
    ),
}
"""The ten fields in the file's order: the check of a value, and what it allows in words."""


def _spelling(row: dict[str, Any], field: str) -> str:
    """The key under which a record holds a field."""
    if field == TASK_SCORE and TASK_SCORE not in row and CARD_TASK_SCORE in row:
        return CARD_TASK_SCORE
    return field


def fault(row: object) -> Fault | None:
    """The first thing wrong with a record, or ``None``."""
    if type(row) is not dict:
        return Fault("record", show_json(row), "a JSON object with the ten published fields")
    for field, (sound, allowed) in FIELDS.items():
        key = _spelling(row, field)
        if key not in row:
            return Fault(field, MISSING, allowed)
        if not sound(row[key]):
            not_utf8 = type(row[key]) is str and not is_text(row[key])
            return Fault(key, show_json(row[key]), _UTF8 if not_utf8 else allowed)
    return None


def unknown_fields(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Keys beyond the ten published ones, and how many records have each."""
    found: Counter[str] = Counter()
    if set(map(len, rows)) == {len(FIELDS)}:
        return {}
    for row in rows:
        if len(row) > len(FIELDS):
            known = {_spelling(row, field) for field in FIELDS}
            found.update(key for key in row if key not in known)
    return dict(sorted(found.items()))


def to_attack(row: dict[str, Any]) -> Attack:
    """The attack that a record without :func:`fault` tells of."""
    text = row["transcript"]
    parsed = parse(text)
    scores = [row["min_harmlessness_score_transcript"], row[_spelling(row, TASK_SCORE)]]
    minimum, task = (None if s is None else float(s) for s in scores)
    rating, tags = row["rating"], row["tags"]
    return Attack(
        arm=Arm(model_type=row["model_type"], num_params=row["num_params"]),
        attacker=Attacker(
            kind="human",
            team_type="crowd",
            member=row["red_team_member_id"],
            platform="upwork" if row["is_upworker"] else "mturk",
        ),
        task_description=row["task_description"],
        turns=to_turns(parsed.messages),
        rating=None if rating is None else SelfRating(success=int(rating)),
        scores=(_published(minimum, task),),
        tags=None if tags is None else tuple(tags),
        transcript=None if parsed.exact else text,
    )


def _published(minimum: float | None, task: float | None) -> Scores:
    return Scores(
        scorer=PUBLISHED,
        version=PUBLISHED_VERSION,
        lineage=None,
        minimum=minimum,
        task_description=task,
    )


def to_row(attack: Attack) -> dict[str, Any] | None:
    """The ten fields of an attack; ``None`` where it has no conversation to publish."""
    text = attack_text(attack)
    if not _transcript(text):
        return None
    score = attack.scores[0] if attack.scores else None
    success = attack.rating.success if attack.rating else None
    return {
        "min_harmlessness_score_transcript": score.minimum if score else None,
        "num_params": attack.arm.num_params,
        "model_type": attack.arm.model_type,
        "rating": None if success is None else float(success),
        "task_description": attack.task_description,
        TASK_SCORE: score.task_description if score else None,
        "red_team_member_id": attack.attacker.member,
        "is_upworker": attack.attacker.platform == "upwork",
        "tags": None if attack.tags is None else list(attack.tags),
        "transcript": text,
    }


def left_behind(attack: Attack) -> Counter[str]:
    """What the ten fields cannot hold of an attack, counted by kind; empty where they hold all."""
    turns = attack.turns
    found = Counter(
        {
            "comparisons": sum(len(t.comparisons) for t in turns),
            "replies that did not continue the dialogue": sum(
                len(t.replies) - (t.continued is not None) for t in turns
            ),
            "failed replies": sum(len(t.failed) for t in turns),
            "voided turns": sum(t.voided for t in turns),
            "details of replies": sum(_detailed(r) for t in turns for r in t.replies),
            "scores of turns": sum(len(s.turns or ()) for s in attack.scores),
            "mean scores": sum(s.mean is not None for s in attack.scores),
            "names of scorers": sum(s != _bare(s) for s in attack.scores[:1]),
            "scores by further scorers": len(attack.scores[1:]),
            "unscored attacks, written as scored with null": not attack.scores,
            "flags": len(attack.flags),
            "turns told apart otherwise than by their text": _retold(attack),
        }
    )
    found.update(_facts(attack))
    return +found


def _detailed(reply: Reply) -> bool:
    return reply != Reply(text=reply.text)


def _bare(scores: Scores) -> Scores:
    """The same scores under the name of a published file."""
    changes = {"scorer": PUBLISHED, "version": PUBLISHED_VERSION, "lineage": None}
    return scores.model_copy(update=changes)


def _retold(attack: Attack) -> bool:
    """Whether the text, read again, gives other turns than those that wrote it."""
    messages = attack_messages(attack.turns)
    bare = tuple(_bare_turn(t) for t in attack.turns if not t.voided)
    return to_turns(parse(attack_text(attack)).messages) != bare or to_turns(messages) != bare


def _bare_turn(turn: Turn) -> Turn:
    """A turn without what :func:`left_behind` counts elsewhere."""
    if turn.continued is None:
        return Turn(message=turn.message)
    reply = Reply(text=turn.replies[turn.continued].text)
    return Turn(message=turn.message, replies=(reply,), continued=0, continued_by="only")


def _facts(attack: Attack) -> Counter[str]:
    """Facts about an attack as a whole that have no field."""
    who, rating = attack.attacker, attack.rating or SelfRating()
    facts = {
        "names of a study": attack.study,
        "protocol hashes": attack.protocol_hash,
        "places in a study": attack.number,
        "kinds of attacker, read again as human": who.kind if who.kind != "human" else None,
        "team types, read again as crowd": who.team_type if who.team_type != "crowd" else None,
        "platforms, read again as mturk": who.platform not in ("upwork", "mturk") or None,
        "assignments": attack.assignment,
        "briefs": attack.brief,
        "addenda": attack.addendum,
        "ratings of harm": rating.harm,
        "ratings of actionability": rating.actionability,
        "comments": rating.comments,
        "domains of expertise": rating.expert_domain,
        "endings, read again as complete": attack.ending if attack.ending != "complete" else None,
        "times": attack.started_at or attack.ended_at,
        "published texts": _idle_transcript(attack) or None,
        "ratings without a number": (attack.rating is not None and rating.success is None) or None,
    }
    return Counter(name for name, fact in facts.items() if fact is not None)


def _idle_transcript(attack: Attack) -> bool:
    """Whether a published text is kept that its turns would print all the same."""
    return attack.transcript is not None and parse(attack.transcript).exact
