"""What an analysis returns: one value that the report, the terminal and other programs read.

``results.json`` is this value as pretty JSON with sorted keys; its JSON schema is generated from
these classes and shipped beside them. It holds everything the report shows, the curves of the
violins included, so a report can be drawn again from it alone. It never holds text of a transcript
or of a task description.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from gadfly.analysis.aggregation import Aggregation
from gadfly.analysis.topics.contrasts import Contrasts
from gadfly.analysis.topics.coverage import CoverageResult
from gadfly.analysis.topics.efficacy import Efficacy
from gadfly.analysis.topics.evasion import Evasion
from gadfly.analysis.topics.judges import Judges
from gadfly.analysis.topics.map import MapResult
from gadfly.analysis.topics.missing import Missing
from gadfly.analysis.topics.mixed import MixedModels
from gadfly.analysis.topics.people import People
from gadfly.analysis.topics.ratings import RatingsResult
from gadfly.analysis.topics.scores import Scores
from gadfly.analysis.topics.sequential import Sequential
from gadfly.analysis.topics.static import Static
from gadfly.analysis.topics.surveys import Surveys
from gadfly.analysis.topics.tags import TagsResult
from gadfly.analysis.topics.tails import Tails
from gadfly.analysis.topics.turns import Turns
from gadfly.records.canonical import Record, pretty_json
from gadfly.records.estimate import Estimate
from gadfly.records.values import AttackerKind

__all__ = [
    "ESTIMATES",
    "Agreement",
    "ArmResult",
    "ArmTruth",
    "Density",
    "Design",
    "Mark",
    "ModelCheck",
    "Outcomes",
    "Provenance",
    "Results",
    "Scorer",
    "Seed",
    "SourceInfo",
    "Topics",
    "WrongPair",
    "results_json",
]

Mark = Literal["circular", "unverified", "independent"]
Design = Literal["observational", "randomised"]
Count = Annotated[int, Field(ge=0)]


class Scorer(Record):
    """Who gave the harmlessness scores."""

    name: str
    """Its name; "published" for scores that came with a file."""
    version: str
    """Its version."""
    lineage: str | None = None
    """Hash of what it was made from; null where unknown."""


class SourceInfo(Record):
    """Where the attacks come from: what the caller knows and the frame does not say."""

    title: str
    """Heading of the report: the study's name, or the file's."""
    name: str
    """Name of the input, without its folder."""
    sha256: str | None = None
    """"sha256:" and the hash of the input as read; null where there is no file."""
    protocol_hash: str | None = None
    """Hash of the study file; null for a published file."""
    scorer: Scorer | None = None
    """Who gave the harmlessness scores; null where nothing was scored."""
    skipped: Count = 0
    """Number of records that a lenient reading could not read and left out."""


class Outcomes(Record):
    """How attacks ended: every attack stands in exactly one of these."""

    scored: Count = 0
    """Complete, rated by the attacker and scored."""
    attacker_stopped: Count = 0
    """The attacker left before the end."""
    target_error: Count = 0
    """The assistant failed."""
    target_refused: Count = 0
    """The assistant's provider refused to answer."""
    judge_error: Count = 0
    """Complete and rated, but the scorer gave no score."""
    unrated: Count = 0
    """Complete, but the attacker gave no rating."""


class Density(Record):
    """The curve of a violin."""

    score: tuple[float, ...]
    """Places on the score axis, ascending, from the lowest score to the highest."""
    density: tuple[float, ...]
    """Density at each place, per unit of score."""
    bandwidth: float
    """Standard deviation of the Gaussian kernel, in units of score."""


class ArmTruth(Record):
    """What a reader of its replies says of an arm, beside ratings and scores."""

    harm: Estimate
    """Mean true harm of an attack, 0-4: the worst of the replies that it went on from."""
    success_rate: Estimate
    """Share of attacks whose true harm is 3 or more."""
    helpfulness: Estimate
    """Mean helpfulness, 0-1, of the replies to harmless requests."""
    evasion: Estimate
    """Share of the replies to harmless requests that refuse, or talk past what was asked."""


class ArmResult(Record):
    """One arm: its denominators and its statistics."""

    model_type: str
    """The intervention, as published or as the study names it."""
    num_params: str
    """The size as text, for example "2.7B"; empty where there is none."""
    lineage_mark: Mark
    """Whether the scorer is independent of this arm: "circular", "unverified" or "independent"."""
    n: Count
    """Number of attacks, whatever their outcome."""
    n_members: Count
    """Number of members who made them."""
    effective_members: float
    """Kish's effective number of members: low where few made most attacks."""
    outcomes: Outcomes
    """Number of attacks by outcome; they sum to n."""
    rating: Estimate
    """Mean self-rated success, 0-4, of attacks with a rating."""
    success_rate: Estimate
    """Share of rated attacks whose rating reaches the success threshold."""
    harmlessness: Estimate
    """Mean harmlessness score of attacks with a score; higher is safer. An attack's score is the
    lowest of its replies, or what ``score`` of the results says."""
    q05: Estimate
    """5% quantile of the harmlessness score."""
    q25: Estimate
    """25% quantile of the harmlessness score."""
    median: Estimate
    """Median of the harmlessness score."""
    q75: Estimate
    """75% quantile of the harmlessness score."""
    cvar05: Estimate
    """Mean of the lowest 5% of harmlessness scores (CVaR)."""
    cvar01: Estimate
    """Mean of the lowest 1% of harmlessness scores (CVaR)."""
    turns: Estimate
    """Mean number of the assistant's replies in a dialogue, over all attacks."""
    truth: ArmTruth | None = None
    """True harm, and conduct on harmless requests; null where the study has neither."""
    density: Density | None = None
    """Shape of the harmlessness scores; null below 10 scores or where all are equal."""

    @property
    def name(self) -> str:
        """Both parts in one label."""
        return f"{self.model_type} {self.num_params}".strip()


ESTIMATES: tuple[str, ...] = tuple(
    name for name, field in ArmResult.model_fields.items() if field.annotation is Estimate
)
"""Names of the statistics of an arm, in the order of the fields."""


class WrongPair(Record):
    """Two arms whose mean scores say the opposite of their true harm."""

    safer_by_score: str
    """Name of the arm with the higher mean min harmlessness."""
    safer_in_truth: str
    """Name of the arm with the lower mean true harm."""
    clear: bool
    """Whether the intervals of their true harm lie apart."""


class ModelCheck(Record):
    """A preference model that filters or trains an arm, on the same pairs of replies."""

    name: str
    """What it is called."""
    version: str
    """Which one of that name."""
    right: Estimate
    """Share of pairs of replies of one turn whose true harm differs that it puts in the right
    order, ties half."""


class Agreement(Record):
    """How far the scorer's harmlessness is from true harm."""

    rank_correlation: Estimate
    """Kendall's tau-b between min harmlessness and true harm over attacks; -1 is perfect."""
    auc: Estimate
    """Share of pairs of an attack with true harm 3 or more and one with less in which the score of
    the harmful one is lower, ties half; 1 is perfect, 0.5 a coin."""
    scorer_check: Estimate
    """Share of pairs of replies of one turn whose true harm differs in which the scorer puts the
    more harmful one lower, ties half."""
    model_checks: tuple[ModelCheck, ...]
    """The same of every preference model that filters or trains an arm."""
    arm_pairs: Count
    """Number of pairs of arms whose mean true harm differs."""
    wrong_pairs: tuple[WrongPair, ...]
    """Those of them that the mean scores put in the wrong order."""


class Topics(Record):
    """What is asked of a study beyond its arms, one field a question."""

    contrasts: Contrasts
    """Differences between arms, corrected for their number."""
    tails: Tails
    """Differences of the worst attacks."""
    turns: Turns
    """Min harmlessness beside the number of turns."""
    static: Static
    """Opening messages beside whole dialogues."""
    missing: Missing
    """What missing outcomes could change."""
    mixed: MixedModels
    """Random-intercept models of rating and score."""
    efficacy: Efficacy
    """Attacks and efficacy of members."""
    people: People
    """Concentration, learning, fatigue; briefs and teams compared."""
    scores: Scores
    """Distributions of ratings and scores, and how they go together."""
    tags: TagsResult | None
    """Tags by reviewers; null where nobody tagged."""
    evasion: Evasion | None
    """Refusal and helpfulness beside harmlessness; null where no harmless request was asked."""
    judges: tuple[Judges, ...]
    """The scorer against the attackers' ratings, and against reviewers where there are any."""
    agreement: RatingsResult | None
    """How far reviewers agree, with each other and with the attackers; null without reviews."""
    sequential: Sequential | None
    """When the study could have stopped; null where arms were not drawn at random."""
    surveys: Surveys | None
    """Demographics and feelings, in groups; null where nobody answered."""
    coverage: CoverageResult | None = None
    """How different attacks are, and what they reach; null where texts were not read."""
    map: MapResult | None = None
    """Where attacks lie by what they set out to do; null where no map was asked for."""

    def __repr__(self) -> str:
        """What there is; each is long."""
        return f"Topics({', '.join(name for name, found in self if found)})"


class Seed(Record):
    """The seed of one bootstrap."""

    model_type: str
    """Arm: intervention."""
    num_params: str
    """Arm: size."""
    column: str
    """Column of the frame that was resampled."""
    seed: Count
    """Seed given to numpy's default generator (PCG64)."""


class Provenance(Record):
    """How the numbers came to be: enough to make them again."""

    package_version: str
    """Version of Gadfly."""
    git_commit: str | None
    """Commit of Gadfly's checkout; null where it runs from an installed package."""
    git_dirty: bool | None
    """Whether that checkout had changes; null where there is none."""
    input_name: str
    """Name of the input, without its folder."""
    input_sha256: str | None
    """Hash of the input as read; null where there is no file."""
    protocol_hash: str | None
    """Hash of the study file; null for a published file."""
    arguments_given: dict[str, JsonValue]
    """Arguments of the analysis as the caller gave them."""
    arguments_used: dict[str, JsonValue]
    """The same after defaults and choices were filled in."""
    seeds: tuple[Seed, ...]
    """Seeds of the intervals, derived from method, arm and data."""
    python: str
    """Version of Python."""
    libraries: dict[str, str]
    """Versions of the libraries that computed the numbers."""
    created_at: AwareDatetime
    """When the analysis ended, UTC."""
    duration_seconds: Annotated[float, Field(ge=0)]
    """How long it took, without reading the input and writing the report."""


class Results(Record):
    """The results of one analysis."""

    schema_version: Literal[1] = 1
    """Version of this form."""
    title: str
    """Heading of the report."""
    attacker_kind: AttackerKind
    """Who attacked: people, simulated members, or models; never mixed."""
    n_attacks: Count
    """Number of attacks analysed, whatever their outcome."""
    n_members: Count
    """Number of members who made them."""
    outcomes: Outcomes
    """Number of attacks by outcome; they sum to n_attacks."""
    left_out: dict[str, int]
    """Number of attacks in the input by attackers of other kinds, by kind; empty where none."""
    skipped: Count
    """Number of records of the input that could not be read and are in no number here."""
    design: Design
    """Whether attacks were assigned to arms at random."""
    ci: Literal["cluster", "iid"]
    """What the bootstrap resamples: members with all their attacks, or single attacks."""
    weighting: Literal["attack", "member"] = "attack"
    """What counts once in an arm's numbers; beyond the arms members weigh by their attacks."""
    score: Aggregation = "min"
    """Which number of its replies' scores is the ``harmlessness`` of an attack: the lowest, their
    mean or the last."""
    resamples: Count
    """Number of bootstrap resamples."""
    level: float
    """Confidence level of every interval."""
    success_threshold: float
    """Lowest rating that counts as success, on the stored scale 0-4."""
    scorer: Scorer | None
    """Who gave the harmlessness scores; null where nothing was scored."""
    findings: tuple[str, ...]
    """Sentences computed from the estimates: what stands out."""
    notes: tuple[str, ...]
    """Sentences that a reader must know before using a number."""
    agreement: Agreement | None = None
    """How far the scores are from the truth; null where nobody knows it."""
    arms: tuple[ArmResult, ...]
    """The arms: types in the paper's order, then in order of appearance; sizes ascending."""
    topics: Topics | None = None
    """What is asked beyond the arms; null where only the arms were."""
    provenance: Provenance
    """How the numbers came to be."""

    def __repr__(self) -> str:
        """What it is in a line, not everything in a megabyte."""
        return (
            f"Results({self.title!r}: {self.n_attacks:,} attacks by {self.n_members:,} members on "
            f"{len(self.arms):,} arms; see {', '.join(type(self).model_fields)})"
        )

    def __str__(self) -> str:
        """The same where it is printed."""
        return repr(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from gadfly.analysis.report.write import notebook_html  # the report knows the results

        return notebook_html(self)


def results_json(results: Results) -> bytes:
    """The results as they are written."""
    return pretty_json(results)
