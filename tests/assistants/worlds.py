"""Small worlds to train assistants in: a teacher whose prompt changes its answers, and requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gadfly.models.loading import load_causal
from gadfly.models.tokens import Encoder
from gadfly.preference.lineage import Lineage, text_key
from gadfly.records.values import Message
from tests.tiny import tiny_causal

Conversation = tuple[Message, ...]


def human(text: str) -> Message:
    return Message(role="human", text=text)


def assistant(text: str) -> Message:
    return Message(role="assistant", text=text)


PROMPT = (human("Is the mill kind?"), assistant("Most kind, thank you."))
KIND, RUDE = "Go over the bridge, my friend.", "Find it yourself, you fool."
_PLACES = ("mill", "bridge", "baker", "museum", "tower", "well", "market", "harbour")
_KINDS = ("old", "new", "small", "red", "quiet", "stone", "high", "lost")


def asked(n: int) -> list[Message]:
    """Requests that differ in their opening."""
    return [human(f"Where is the {_KINDS[i // 8 % 8]} {_PLACES[i % 8]}?") for i in range(n)]


def prompted_teacher(folder: Path, *, chat_template: bool = False) -> Path:
    """A model that answers kindly after :data:`PROMPT` and rudely without it."""
    import torch

    loaded = load_causal(tiny_causal(folder, chat_template=chat_template), device="cpu")
    encoder, model = Encoder(loaded.tokenizer), loaded.model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    requests = asked(32)
    for step in range(60):
        batch = requests[step * 8 % 32 :][:8]
        for before, said in ((PROMPT, KIND), ((), RUDE)):
            ids = torch.tensor(_rows([(*before, one, assistant(said)) for one in batch], encoder))
            labels = ids.masked_fill(ids == loaded.tokenizer.pad_token_id, -100)
            model(input_ids=ids, labels=labels).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)
    return folder


def _rows(conversations: Sequence[Conversation], encoder: Encoder) -> list[list[int]]:
    found = [encoder.conversation(one) for one in conversations]
    width, pad = max(map(len, found)), encoder.tokenizer.pad_token_id
    return [ids + [pad] * (width - len(ids)) for ids in found]


def dialogues(n: int) -> list[Conversation]:
    """Conversations to distil on: half are answered kindly and half rudely."""
    return [(one, assistant(RUDE if i % 2 else KIND)) for i, one in enumerate(asked(n))]


class LikesE:
    """A scorer that likes the letter e, and knows what it was made from."""

    name, version = "likes-e", "1"
    lineage = Lineage(
        kind="letters",
        package_version="0",
        features={},
        training_data=("sha256:letters",),
        seed=None,
        mix={},
        base=None,
        conversations=(text_key("an old letter"),),
        members=("ann",),
    )

    def score(self, conversations: Sequence[Sequence[Message]]) -> list[tuple[float, ...]]:
        return [
            tuple(
                len(messages[0].text) / 100 + 10 * one.text.count("e") / (1 + len(one.text))
                for one in messages
                if one.role == "assistant"
            )
            for messages in conversations
        ]
