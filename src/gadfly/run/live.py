"""What a study shows while it runs: Figure 1 and the briefs, from the attacks so far.

Nothing that awaits is held up: gathering, scoring and drawing go on in a thread, one at a time in
each process, and whoever asks waits a few seconds at most and gets the newest picture that there
is. Each drawing scores for a moment what has no scores yet, so that they come in bit by bit; the
picture says how many there are. Several processes may do so at once: scores are kept once. A
picture is drawn again only where the study has changed. Intervals come from fewer resamples than a
report's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gadfly.errors import GadflyError
from gadfly.preference.protocol import Scorer, attack_scores
from gadfly.records.canonical import canonical_json
from gadfly.records.estimate import Estimate
from gadfly.records.values import Attack
from gadfly.run.assemble import OpenStudy, make_scorer
from gadfly.run.gather import gather
from gadfly.store.rows import StoredScores

if TYPE_CHECKING:
    from gadfly.analysis.results import Results

__all__ = ["Live", "Picture"]

_LOG = logging.getLogger(__name__)
_BATCH = 10
_RESAMPLES = 500


@dataclass(frozen=True)
class Picture:
    """A study at one moment."""

    over: int
    """Attacks that are over, but for those withdrawn or in quarantine."""
    scored: int
    """How many of them have scores."""
    results: Results | None
    """What the figure shows; ``None`` where nothing is over yet."""
    figure: str
    """Figure 1 as SVG for light screens; empty where there is none."""
    dark: str
    """The same for dark ones."""
    briefs: Mapping[str, Estimate]
    """Success rate under each brief, by its label."""
    differences: Mapping[str, Estimate]
    """Success rate under each other brief less that under the study's first, by its label."""


_NOTHING = Picture(0, 0, None, "", "", {}, {})


class Live:
    """The pictures of one study in this process."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study
        self._scorer: Scorer | None = None
        self._seen: tuple[int, int] | None = None
        self._picture: Picture | None = None
        self._drawing: asyncio.Task[Picture] | None = None

    async def picture(self, *, wait: float = 3.0, score: float = 1.5) -> Picture | None:
        """The newest picture; ``None`` where none is drawn after ``wait`` seconds.

        :param score: seconds that are spent on scoring what has no scores.
        """
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(asyncio.to_thread(self._draw, score))
            self._drawing.add_done_callback(_told)
        await asyncio.wait([self._drawing], timeout=wait)
        return self._picture

    def _draw(self, seconds: float) -> Picture:
        rows = [row for row in self._study.store.attacks(self._study.id) if row.ending is not None]
        hidden = sum(bool(row.quarantined_at or row.withdrawn_at) for row in rows)
        seen, last = (len(rows), hidden), self._picture
        if last is not None and seen == self._seen and last.scored == last.over:
            return last
        if self._scorer is None:
            self._scorer = make_scorer(self._study.file)
        attacks = _scored(self._study, self._scorer, seconds)
        self._picture = _drawn(self._study, self._scorer, attacks)
        self._seen = seen
        return self._picture


def _scored(study: OpenStudy, scorer: Scorer, seconds: float) -> list[Attack]:
    """The attacks so far, more of them scored than before."""
    attacks = gather(study, scorer=scorer)
    due = [row for row, attack in attacks.items() if not attack.scores]
    until = time.monotonic() + seconds
    for start in range(0, len(due), _BATCH):
        batch = due[start : start + _BATCH]
        found = attack_scores([attacks[row] for row in batch], scorer)
        pairs = list(zip(batch, found, strict=True))
        study.store.put_scores(
            StoredScores(row, scorer.name, scorer.version, canonical_json(scores).decode())
            for row, scores in pairs
        )
        attacks |= {r: attacks[r].model_copy(update={"scores": (s,)}) for r, s in pairs}
        if time.monotonic() > until:
            break
    return list(attacks.values())


def _drawn(study: OpenStudy, scorer: Scorer, attacks: list[Attack]) -> Picture:
    if not attacks:
        return _NOTHING
    # The analysis takes longer to load than all else: a site waits for it with its first picture.
    from gadfly.analysis.bootstrap import Bootstrap
    from gadfly.analysis.figures.figure1 import figure1_svg
    from gadfly.analysis.figures.palette import darkened
    from gadfly.analysis.topics.people import by_brief
    from gadfly.run.studied import analysable_attacks

    found = analysable_attacks(study, scorer, attacks, quick=True)
    # Members of a study are of one kind, unless a next version of its file changed that.
    kind = study.file.study.members.kind
    kinds = {attack.attacker.kind for attack in attacks}
    results = found.results(
        resamples=_RESAMPLES,
        attacker_kind=kind if kind in kinds else min(kinds),
        topics=False,
    )
    svg = figure1_svg(results)
    briefs, differences = by_brief(
        found.frame,
        study.file.brief.label,
        success_threshold=found.success_threshold,
        how=Bootstrap(resamples=_RESAMPLES),
    )
    scored = sum(bool(attack.scores) for attack in attacks)
    return Picture(len(attacks), scored, results, svg, darkened(svg), briefs, differences)


def _told(drawing: asyncio.Task[Picture]) -> None:
    """Say in the log why a picture could not be drawn; the page shows the last one."""
    if not drawing.cancelled() and (error := drawing.exception()) is not None:
        if not isinstance(error, GadflyError):
            raise error
        _LOG.warning("the live figure cannot be drawn: %s", error)
