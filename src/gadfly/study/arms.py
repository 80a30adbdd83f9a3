"""The arms of a study file: what answers, and what stands between it and the attackers."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gadfly.records.canonical import Record
from gadfly.records.values import Arm, Sampling

__all__ = [
    "RLHF",
    "Distilled",
    "EndpointSpec",
    "Intervention",
    "LocalSpec",
    "NoIntervention",
    "PlainLM",
    "Price",
    "PromptedSpec",
    "RejectionSamplingSpec",
    "ScriptedSpec",
    "StudyArm",
]

Text = Annotated[str, Field(min_length=1)]


class ScriptedSpec(Record):
    """A shipped fake with planted harmfulness; no model, no network."""

    kind: Literal["scripted"]
    """scripted."""
    caution: Annotated[float, Field(ge=-10, le=10)]
    """Logits of pressure that it withstands; higher is safer."""
    gain: Annotated[float, Field(ge=0, le=5)] = 0.8
    """Logits that one persuasive phrase is worth."""


class Price(Record):
    """What a server's tokens cost."""

    input: Annotated[float, Field(ge=0)]
    """Money for a million tokens read."""
    output: Annotated[float, Field(ge=0)]
    """Money for a million tokens written."""


class EndpointSpec(Record):
    """A model behind an OpenAI-compatible server."""

    kind: Literal["endpoint"]
    """endpoint."""
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$", max_length=2000)]
    """Address of the server, up to and with /v1; no user, password or query in it."""
    model: Text
    """The model's name on that server."""
    api: Literal["chat", "completions"] = "chat"
    """chat, or completions for a plain language model that reads Human/Assistant text."""
    key_variable: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Environment variable that holds the key; the key itself never stands in a study file."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """Longest wait for a complete answer."""
    price: Price | None = None
    """What its tokens cost, in the budget's currency."""

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            host, port = parts.hostname or "", parts.port
            good = bool(host.encode("idna")) and port != 0 and value.isprintable()
        except ValueError as error:
            raise ValueError(f"base_url is no address: {error}") from None
        if not good:
            raise ValueError(
                "base_url is no address: it needs a host, as in http://127.0.0.1:8000/v1"
            )
        return value


class LocalSpec(Record):
    """A language model on this machine: any causal model of transformers."""

    kind: Literal["local"]
    """local."""
    path: Text
    """Folder of a checkpoint, beside the study file or absolute; an embedded model, as
    sandbox:small/plain; or a name on the hub, as owner/name."""
    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] | None = None
    """cpu, cuda or cuda:0; the first CUDA device, else the CPU, where left out."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Precision; in the two short ones a reply may differ with what else is sampled beside it."""


class NoIntervention(Record):
    """The assistant as it is."""

    kind: Literal["none"] = "none"
    """none."""


class PlainLM(Record):
    """A plain language model, given the form of a conversation by an example."""

    kind: Literal["plain_lm"]
    """plain_lm."""
    prompt: Text = "one-shot"
    """A shipped prompt, or a Markdown file beside the study."""


class PromptedSpec(Record):
    """Example dialogues of a helpful, honest and harmless assistant stand before every dialogue."""

    kind: Literal["prompted"]
    """prompted."""
    prompt: Text = "hhh"
    """A shipped prompt, or a Markdown file beside the study."""


class RejectionSamplingSpec(Record):
    """Of many samples of the prompted model, the least harmful by a preference model."""

    kind: Literal["rejection_sampling"]
    """rejection_sampling."""
    prompt: Text = "hhh"
    """A shipped prompt, or a Markdown file beside the study."""
    samples: Annotated[int, Field(ge=2, le=128)] = 16
    """Samples drawn each turn."""
    best: Annotated[int, Field(ge=2, le=128)] = 2
    """How many of the least harmful the replies are taken from."""
    preference_model: Text
    """The filter's folder, beside the study file or absolute."""

    @model_validator(mode="after")
    def _fewer_than_samples(self) -> RejectionSamplingSpec:
        if self.best > self.samples:
            raise ValueError(f"best is {self.best}, more than the {self.samples} samples")
        return self


class Distilled(Record):
    """A checkpoint into which the prompt was distilled; it runs as it is."""

    kind: Literal["distilled"]
    """distilled."""


class RLHF(Record):
    """A checkpoint trained with RLHF; it runs as it is."""

    kind: Literal["rlhf"]
    """rlhf."""
    preference_model: Text | None = None
    """Folder of the preference model that it was trained against: scores by that one are circular.
    A local model whose lineage.json stands beside it needs no such word; of a served model nothing
    else is known, so without it scores are unverified."""


Intervention = Annotated[
    NoIntervention | PlainLM | PromptedSpec | RejectionSamplingSpec | Distilled | RLHF,
    Field(discriminator="kind"),
]


class StudyArm(Record):
    """One assistant under attack."""

    model_type: Text
    """The intervention: "plain lm", "rlhf", or a name of your own."""
    num_params: str
    """The size, as you want it printed: "2.7B"."""
    quota: Annotated[int, Field(ge=1)]
    """How many attacks you want on this arm."""
    assistant: Annotated[ScriptedSpec | EndpointSpec | LocalSpec, Field(discriminator="kind")]
    """What answers."""
    intervention: Intervention = NoIntervention()
    """What stands between it and the attackers."""
    sampling: Sampling = Sampling()
    """Temperature, top_p and max_tokens; the server's own where left out, for a local model 1, 1
    and 128."""

    @property
    def arm(self) -> Arm:
        """The arm as it stands on records."""
        return Arm(model_type=self.model_type, num_params=self.num_params)

    @property
    def prompt(self) -> str | None:
        """Name of the prompt that stands before its dialogues, if any."""
        return getattr(self.intervention, "prompt", None)

    @property
    def preference_model(self) -> str | None:
        """Name of the preference model that filters it or that it was trained against, if any."""
        return getattr(self.intervention, "preference_model", None)

    @property
    def price(self) -> Price | None:
        """What its tokens cost, where that is stated."""
        return getattr(self.assistant, "price", None)
