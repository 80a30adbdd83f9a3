"""Reinforcement from a preference model: RLOO, from a distilled assistant, held to it by KL.

TRL's ``RLOOTrainer`` (Ahmadian et al. 2024): for each prompt several replies are sampled, each is
rewarded by

    r = score(conversation, reply) − β Σ_t [log π(y_t | ...) − log π₀(y_t | ...)]

and its advantage is r less the mean r of the prompt's other replies. The sum is an estimate of
KL(π ‖ π₀) of the reply, unbiased and of either sign; both log-probabilities are taken at the
sampling temperature. The paper's reward has the same form (Bai et al. 2022, section 4.1, with PPO).
Decisions:

* Every step has the same share of benign requests among its prompts. Trained on attacks alone a
  policy learns to refuse everything; SANDBOX.md has figures.
* The trainer is handed the tokens of :meth:`gadfly.models.tokens.Encoder.prompt`, so a prompt that
  spells a special token stays text. The reward is described in :mod:`reward`.
* A reply ends at the tokens that end it when the assistant is served.
* The prompts of each step follow from the seed, and checkpoints hold the state of the generators;
  so a training that was stopped goes on as if it had not been.
* A prompt that leaves no room for the longest reply, and one whose opening also opens a held-out
  request, is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gadfly.assistants.training.cards import PolicyCard, made, policy_markdown
from gadfly.assistants.training.folders import finish, refuse_existing, start
from gadfly.assistants.training.lineages import conversations_hash, joined, source_hash
from gadfly.assistants.training.progress import Row, Tell, quietly
from gadfly.assistants.training.reward import HeldOut, Judge, Prompts, Reward, by_phrase, held_out
from gadfly.assistants.training.rloo import reinforce
from gadfly.assistants.training.settings import PolicySettings
from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, best_device, context_of, load_causal
from gadfly.models.tokens import Encoder
from gadfly.preference.lineage import conversation_key, lineage_hash
from gadfly.preference.neural.scorer import NeuralScorer
from gadfly.preference.protocol import Scorer
from gadfly.preference.scoring import open_scorer
from gadfly.records.values import Message

__all__ = ["KIND", "train_policy"]

KIND = "rlhf"


def train_policy(
    base: str | Path,
    preference_model: Path,
    attacks: Sequence[Sequence[Message]],
    benign: Sequence[Sequence[Message]],
    folder: Path,
    *,
    settings: PolicySettings,
    held_out: Sequence[Sequence[Message]],
    judge: Judge | None = None,
    scorer: Scorer | None = None,
    training_data: Iterable[str] = (),
    dropped: dict[str, int] | None = None,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Tell | None = None,
) -> PolicyCard:
    """Train a policy from ``base`` and save it with its lineage, log and card.

    :param attacks: conversations that end with a human message; ``benign`` likewise.
    :param held_out: benign requests to measure on; prompts that open like one are left out.
    :param judge: says of a reply to a held-out request how helpful it is and whether it evades; by
        default refusals are found by phrase.
    :param scorer: the preference model where it is open already.
    :param training_data: hashes of the files that the prompts come from.
    :param dropped: what their reader left out already, by reason.
    :param progress: told steps done and steps in all.
    :raises PersonError: no prompt that fits, settings that do not fit together, a folder that holds
        something else, or an unfinished training with other settings or data.
    """
    _steps_fit(settings, len(attacks), len(benign), held_out)
    refuse_existing(folder, force=force)
    reward_model = scorer or open_scorer(preference_model)
    policy = load_causal(base, device=str(best_device(settings.device)))
    encoder = Encoder(policy.tokenizer)
    room = _Room(policy, encoder, reward_model, settings)
    requests = [request for request in held_out if room.ids(request) is not None]
    if not requests:
        raise PersonError(f"all {len(held_out)} held-out requests are longer than the context")
    prompts, left_out = _prompts(room, attacks, benign, requests, settings)
    left_out["held out, and longer than the context"] = len(held_out) - len(requests)
    texts_hash = conversations_hash([*attacks, (), *benign, (), *held_out])
    scored_by = _scorer_name(reward_model)
    asked: dict[str, Any] = {
        "kind": KIND,
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "base": source_hash(base),
        "preference_model": scored_by,
        "texts": texts_hash,
    }
    part = start(folder, asked)
    measure = _Measure(policy, encoder, requests, reward_model, judge or by_phrase, settings)
    reward = Reward(reward_model, encoder, prompts)
    with quietly():
        log = reinforce(policy, encoder, reward, part, settings, seed, measure, progress)
    lineage = joined(
        KIND,
        checkpoints=[base],
        settings=settings,
        made_from={"start": asked["base"], "preference_model": scored_by},
        training_data=training_data or [texts_hash],
        conversations=prompts.conversations,
        mix={"attacks": prompts.n_attacks, "benign": len(prompts.ids) - prompts.n_attacks},
        seed=seed,
        before=[reward_model.lineage],
    )
    steps = [row for row in log if row.get("reward") is not None]
    card = PolicyCard(
        made=made(
            lineage=lineage_hash(lineage),
            command=command,
            seed=seed,
            settings=settings,
            dropped=dict(sorted((left_out + Counter(dropped or {})).items())),
        ),
        base=asked["base"],
        preference_model=scored_by,
        n_attacks=prompts.n_attacks,
        n_benign=len(prompts.ids) - prompts.n_attacks,
        held_out=tuple(_measured(row) for row in log if "held_out_n" in row),
        reward_first=float(steps[0]["reward"] or 0),
        reward_last=float(steps[-1]["reward"] or 0),
        divergence=float(steps[-1]["kl"] or 0),
    )
    finish(
        part,
        model=policy.model,
        tokenizer=policy.tokenizer,
        lineage=lineage,
        card=card,
        readme=policy_markdown(card, log),
    )
    return card


def _scorer_name(scorer: Scorer) -> str:
    lineage = "lineage unknown" if scorer.lineage is None else lineage_hash(scorer.lineage)
    return f"{scorer.name} {scorer.version} {lineage}"


def _steps_fit(
    settings: PolicySettings,
    n_attacks: int,
    n_benign: int,
    requests: Sequence[Sequence[Message]],
) -> None:
    """Refuse settings that cannot be met, before anything is loaded."""
    size, each = settings.completions_per_step, settings.num_generations
    micro = settings.micro_batch or size
    if size % each:
        raise PersonError(
            f"num_generations: got {each}; allowed: a divisor of completions_per_step, {size}"
        )
    if size % micro:
        raise PersonError(
            f"micro_batch: got {micro}; allowed: a divisor of completions_per_step, {size}"
        )
    if not requests:
        raise PersonError("no held-out benign request was given; at least 1 is needed to measure")
    if settings.benign_share < 1 and not n_attacks:
        raise PersonError("no attack was given; give some, or benign_share 1")
    if settings.benign_share > 0 and not n_benign:
        raise PersonError("no benign request was given; give some, or benign_share 0")


class _Room:
    """Which conversations leave room for the longest reply."""

    def __init__(
        self, policy: Loaded, encoder: Encoder, scorer: Scorer, settings: PolicySettings
    ) -> None:
        self.encoder, self.reply = encoder, settings.max_new_tokens
        self.context = context_of(policy.model.config) or 2**31
        self.scorer = scorer if isinstance(scorer, NeuralScorer) else None
        self.alike = (
            self.scorer is not None
            and self.scorer.encoder.tokenizer.get_vocab() == encoder.tokenizer.get_vocab()
        )

    def ids(self, conversation: Sequence[Message]) -> tuple[int, ...] | None:
        """The tokens that the policy continues; ``None`` where they are too many.

        A scorer with other tokens is given room for twice as many of them as the policy writes.
        """
        ids = tuple(self.encoder.prompt(conversation))
        if len(ids) + self.reply > self.context:
            return None
        if self.scorer is None:
            return ids
        read, reply = len(ids), self.reply + 1  # and the terminator
        if not self.alike:
            read, reply = len(self.scorer.encoder.prompt(conversation)), 2 * self.reply + 1
        return ids if read + reply <= self.scorer.window else None


def _prompts(
    room: _Room,
    attacks: Sequence[Sequence[Message]],
    benign: Sequence[Sequence[Message]],
    requests: Sequence[Sequence[Message]],
    settings: PolicySettings,
) -> tuple[Prompts, Counter[str]]:
    """Prompts as tokens, and what was left out."""
    kept: list[tuple[tuple[Message, ...], tuple[int, ...]]] = []
    held, left_out = {conversation_key(request) for request in requests}, Counter[str]()
    counts = list[int]()
    for conversations in (attacks, benign):
        for conversation in conversations:
            if not conversation or conversation[-1].role != "human":
                left_out["does not end with a human message"] += 1
            elif conversation_key(conversation) in held:
                left_out["opens like a held-out request"] += 1
            elif (ids := room.ids(conversation)) is None:
                left_out["longer than the context"] += 1
            else:
                kept.append((tuple(conversation), ids))
        counts.append(len(kept))
    n_attacks, n_benign = counts[0], counts[1] - counts[0]
    too_few = (settings.benign_share < 1 and not n_attacks) or (
        settings.benign_share > 0 and not n_benign
    )
    if too_few:
        why = ", ".join(f"{n} {reason}" for reason, n in sorted(left_out.items()))
        raise PersonError(
            f"too few prompts are left: {n_attacks} attacks, {n_benign} benign ({why})"
        )
    return Prompts(tuple(c for c, _ in kept), tuple(ids for _, ids in kept), n_attacks), left_out


class _Measure:
    """Measures a policy on held-out requests, as a line of the log."""

    def __init__(
        self,
        policy: Loaded,
        encoder: Encoder,
        requests: Sequence[Sequence[Message]],
        scorer: Scorer,
        judge: Judge,
        settings: PolicySettings,
    ) -> None:
        self.policy, self.encoder, self.requests = policy, encoder, requests
        self.scorer, self.judge, self.settings = scorer, judge, settings

    def __call__(self, step: int) -> Row:
        """What was measured after so many steps."""
        found = held_out(
            self.policy.model,
            self.encoder,
            self.requests,
            scorer=self.scorer,
            judge=self.judge,
            max_new_tokens=self.settings.max_new_tokens,
            temperature=self.settings.temperature,
            step=step,
        )
        return {f"held_out_{k}": v for k, v in found.model_dump(exclude={"step"}).items()}


def _measured(row: Row) -> HeldOut:
    return HeldOut.model_validate({k.removeprefix("held_out_"): v for k, v in row.items()})
