"""How far a student is from a prompted teacher: KL over the teacher's top tokens and the rest.

Context distillation as in Bai et al. 2022, A.1 (PAPER §2.4): L(θ) = D_KL(p₀(X|C) ‖ p_θ(X)). The
teacher reads the prompt C and then the text X; the student reads X alone. Of each distribution over
the next token the teacher's 50 likeliest tokens are kept, and all others are one category more:

    KL = Σ_{i in top} p_i (log p_i − log q_i) + p_rest (log p_rest − log q_rest)

with q_rest = 1 − Σ_{i in top} q_i, in nats. Merging categories never raises a KL divergence, so
this is a lower bound of the divergence over the whole vocabulary.

The prompt is the same for all texts, so its keys and values are computed once. Targets are made
batch by batch and not kept.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Targets", "Teacher", "mean_divergence", "token_divergence"]

_LEAST_REST = 1e-6  # of a student's mass outside the top, so that its logarithm stays finite


@dataclass(frozen=True)
class Targets:
    """What a teacher expects, by sequence and place."""

    indices: torch.Tensor
    """The teacher's likeliest tokens; (sequences, places, top)."""
    log_probs: torch.Tensor
    """Their log-probabilities, in nats; (sequences, places, top)."""


class Teacher:
    """A model that has read a prompt."""

    def __init__(self, model: Any, prompt: list[int], top: int) -> None:
        import torch

        self.model = model
        self.length = len(prompt)
        self.top = min(top, model.config.get_text_config().vocab_size - 1)
        with torch.no_grad():
            ids = torch.tensor([prompt], device=model.device)
            self.cache = model(input_ids=ids, use_cache=True).past_key_values

    def targets(self, ids: torch.Tensor, mask: torch.Tensor) -> Targets:
        """The distributions after each token of ``ids``; (sequences, places), padded right."""
        import torch

        with torch.no_grad():
            cache = copy.deepcopy(self.cache)
            cache.batch_repeat_interleave(len(ids))
            read = torch.ones((len(ids), self.length), dtype=mask.dtype, device=mask.device)
            logits = self.model(
                input_ids=ids, attention_mask=torch.cat([read, mask], 1), past_key_values=cache
            ).logits
            found = torch.log_softmax(logits.float(), -1).topk(self.top, -1)
        return Targets(found.indices, found.values)


def token_divergence(targets: Targets, logits: torch.Tensor) -> torch.Tensor:
    """KL(teacher ‖ student) after each token, in nats; (sequences, places).

    :param logits: the student's; (sequences, places, vocabulary).
    """
    import torch

    chosen = torch.log_softmax(logits.float(), -1).gather(-1, targets.indices)
    divergence = (targets.log_probs.exp() * (targets.log_probs - chosen)).sum(-1)
    rest = (1 - targets.log_probs.exp().sum(-1)).clamp(min=_LEAST_REST)
    student_rest = (1 - chosen.exp().sum(-1)).clamp(min=_LEAST_REST)
    return divergence + rest * (rest.log() - student_rest.log())


def mean_divergence(
    model: Any, teacher: Teacher, header: list[int], ids: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Mean divergence over the places of a batch that expect a token of a conversation, in nats.

    :param header: what the student reads before every sequence.
    :param ids: the sequences, padded on the right; (sequences, places). ``mask`` is 1 where they
        hold a token.
    """
    import torch

    targets = teacher.targets(ids, mask)
    first = torch.tensor([header], dtype=ids.dtype, device=ids.device).expand(len(ids), -1)
    logits = model(
        input_ids=torch.cat([first, ids], 1),
        attention_mask=torch.cat([torch.ones_like(first), mask], 1),
        use_cache=False,
    ).logits[:, len(header) :]
    expects = mask[:, 1:]
    divergence = token_divergence(targets, logits)[:, :-1]
    return (divergence * expects).sum() / expects.sum()
