"""Local models: the sampling loop, its batches, and the assistants on it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from gadfly.assistants.local.prefixes import Prefixes
from gadfly.assistants.local.sampling import Request, Sample, Sampler
from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, load_causal
from gadfly.models.tokens import Encoder
from gadfly.records.values import Message
from tests.tiny import tiny_causal

TALK = (Message(role="human", text="How do I open the door of the old mill?"),)
LONGER = (
    *TALK,
    Message(role="assistant", text="I will not help."),
    Message(role="human", text="Please tell me the way, you are so kind"),
)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Loaded]:
    """Tiny models whose logits are spread like those of a trained one; each is made once."""
    made: dict[str, Loaded] = {}

    def load(arch: str = "llama", **options: Any) -> Loaded:
        key = f"{arch}{options}"
        if key not in made:
            folder = tmp_path_factory.mktemp("model")
            loaded = load_causal(tiny_causal(folder, arch, **options))  # type: ignore[arg-type]
            with torch.no_grad():
                for weight in loaded.model.parameters():
                    if weight.dim() > 1:
                        weight.mul_(6.0)
            made[key] = loaded
        return made[key]

    return load


def prompts(loaded: Loaded, number: int) -> list[tuple[int, ...]]:
    """Prompts of many lengths."""
    words, draw = "please tell me how the old mill door opens at nine".split(), random.Random(1)
    encoder = Encoder(loaded.tokenizer)
    said = (" ".join(draw.choices(words, k=draw.randrange(1, 30))) for _ in range(number))
    return [tuple(encoder.prompt([Message(role="human", text=text)])) for text in said]


def flat(replies: Sequence[Sequence[Sample]]) -> list[Sample]:
    return [sample for own in replies for sample in own]


@pytest.mark.parametrize("arch", ["llama", "gpt2", "qwen2"])
def test_a_seed_gives_the_same_reply_alone_and_in_any_batch(
    load: Callable[..., Loaded], arch: str
) -> None:
    sampler = Sampler(load(arch))
    asked = [
        Request(prompt, (i, i + 1000, 7), 20, temperature=0.5 + i % 3 / 4, top_p=(1.0, 0.8)[i % 2])
        for i, prompt in enumerate(prompts(sampler.loaded, 34))
    ]
    together = flat(sampler.generate(asked))
    passes = sampler.passes
    alone = [
        flat(sampler.generate([replace(request, seeds=(seed,))]))[0]
        for request in asked
        for seed in request.seeds
    ]
    assert alone == together
    assert len({sample.ids for sample in together}) > 90
    assert passes < (sampler.passes - passes) / 5  # and it was worth while


def test_a_draw_too_close_to_call_is_settled(
    load: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the noise thought to be large, nearly every draw is, and comes out as before."""
    sampler = Sampler(load())
    asked = [Request(p, (1, 2), 8, None, 0.9) for p in prompts(sampler.loaded, 4)]
    before = sampler.generate(asked)
    assert sampler.settled < 6
    sampler._noise = 0.05
    assert sampler.generate(asked) == before
    assert sampler.settled > 30


@pytest.mark.parametrize(
    ("temperature", "top_p", "noise"), [(0.7, 1.0, 2e-3), (0.7, 0.8, 2e-3), (0.0, 1.0, 0.2)]
)
def test_replies_stay_the_same_under_the_noise_that_is_reckoned_with(
    load: Callable[..., Loaded], temperature: float, top_p: float, noise: float
) -> None:
    """Logits of batches are blurred as much as the sampler thinks they may be; half of that, with
    the sampler told that there is none, changes replies.
    """
    sampler = Sampler(load())
    ends = prompts(sampler.loaded, 40)
    asked = [Request(p, (i, i + 99), 20, temperature, top_p) for i, p in enumerate(ends)]
    clear = sampler.generate(asked)
    forward, draws = sampler._forward, torch.Generator().manual_seed(1)

    def blurred(*given: Any, **named: Any) -> Any:
        logits = forward(*given, **named)
        spread = (logits.amax(-1) - logits.median(-1).values)[:, None]
        return logits + 0.9 * noise * spread * (2 * torch.rand(logits.shape, generator=draws) - 1)

    sampler._forward = blurred  # type: ignore[method-assign]
    sampler._noise = noise
    assert sampler.generate(asked) == clear
    sampler._noise, noise = 0.0, noise / 2
    assert sampler.generate(asked) != clear


@pytest.mark.parametrize("arch", ["llama", "gpt2", "qwen2"])
def test_what_is_read_alone_is_the_same_to_the_last_digit(
    load: Callable[..., Loaded], arch: str
) -> None:
    """Whether its beginning was read before or not; and it is what the model says."""
    loaded = load(arch)
    tokens = Encoder(loaded.tokenizer).conversation(LONGER * 6)[:200]
    fresh, used = Sampler(loaded), Sampler(loaded)
    with torch.inference_mode():
        for end in (200, 129, 128):
            used._alone.logits([*tokens[: end - 1], 7])
        for end in (1, 64, 65, 128, 190):
            found = used._alone.logits(tokens[:end])
            assert torch.equal(found, fresh._alone.logits(tokens[:end]))
            whole = loaded.model(torch.tensor([tokens[:end]])).logits[:, -1]
            assert torch.allclose(found, whole, atol=1e-4)
    assert len(tokens) == 200
    assert fresh.passes == 1 + 1 + 2 + 1 + 2  # a block is kept once a longer text goes past it


@pytest.mark.parametrize("arch", ["llama", "gpt2"])
def test_greedy_replies_are_those_of_transformers(load: Callable[..., Loaded], arch: str) -> None:
    loaded = load(arch)
    sampler = Sampler(loaded)
    asked = [Request(prompt, (0,), 12, temperature=0) for prompt in prompts(loaded, 5)]
    for request, (mine,) in zip(asked, sampler.generate(asked), strict=True):
        ids = torch.tensor([request.prompt])
        theirs = loaded.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
        )
        assert list(mine.ids) == theirs[0, len(request.prompt) :].tolist()


def test_draws_follow_the_model(load: Callable[..., Loaded]) -> None:
    sampler = Sampler(load())
    prompt = prompts(sampler.loaded, 1)[0]
    with torch.no_grad():
        logits = sampler.loaded.model(torch.tensor([prompt])).logits[0, -1]
    expected = torch.softmax(logits.double() / 0.2, -1)
    n = 4000
    (samples,) = sampler.generate([Request(prompt, tuple(range(n)), 1, temperature=0.2)])
    found = torch.bincount(torch.tensor([s.ids[0] for s in samples]), minlength=len(expected)) / n
    assert float((found - expected).abs().max()) < 0.03
    assert float(expected.max()) > 0.1


def test_the_nucleus_holds_the_most_probable_tokens_alone(load: Callable[..., Loaded]) -> None:
    sampler = Sampler(load())
    prompt = prompts(sampler.loaded, 1)[0]
    with torch.no_grad():
        logits = sampler.loaded.model(torch.tensor([prompt])).logits[0, -1]
    probs = torch.softmax(logits / 0.2, -1)
    ranked = probs.sort(descending=True)
    size = int((ranked.values.cumsum(-1) < 0.9).sum()) + 1
    asked = Request(prompt, tuple(range(600)), 1, temperature=0.2, top_p=0.9)
    (samples,) = sampler.generate([asked])
    assert {s.ids[0] for s in samples} <= set(ranked.indices[:size].tolist())
    assert 1 < size < len(probs) / 4


def test_a_prompt_is_read_once_for_all_its_replies(load: Callable[..., Loaded]) -> None:
    sampler = Sampler(load())
    read = []
    forward = sampler.loaded.model.forward
    sampler.loaded.model.forward = lambda **given: (
        read.append(given["input_ids"].shape),
        forward(**given),
    )[1]
    try:
        sampler.generate([Request(prompts(sampler.loaded, 1)[0], tuple(range(16)), 4)])
    finally:
        sampler.loaded.model.forward = forward
    assert [shape for shape in read if shape[1] > 1 and shape[0] > 1] == []
    assert (16, 1) in read


@pytest.mark.parametrize("arch", ["llama", "gpt2", "qwen2"])
def test_what_prompts_begin_with_is_read_once_and_changes_nothing(
    load: Callable[..., Loaded], arch: str
) -> None:
    loaded = load(arch)
    before = tuple(Encoder(loaded.tokenizer).conversation(LONGER * 3))
    ends = prompts(loaded, 20)
    asked = [Request(before + end, (i, i + 50), 16) for i, end in enumerate(ends[:16])]
    asked += [Request(end, (i,), 16) for i, end in enumerate(ends[16:])]  # these begin otherwise
    sampler, read = Sampler(loaded), []
    forward = sampler._forward

    def noted(ids: Any, *given: Any, **named: Any) -> Any:
        read.append((ids.shape, bool(named["shared"])))
        return forward(ids, *given, **named)

    sampler._forward = noted  # type: ignore[method-assign]
    together = sampler.generate(asked)
    assert sampler._shares
    assert max(shape[1] for shape, shared in read if shared) < len(before)
    assert max(shape[0] for shape, shared in read if shared) == 32
    alone = [Sampler(loaded).generate([request])[0] for request in asked]
    assert together == alone


def test_prompts_go_with_the_prefix_that_they_begin_with() -> None:
    read: list[tuple[int, ...]] = []
    kept = Prefixes(lambda ids: (read.append(ids), [(torch.zeros(1, len(ids), 1),) * 2])[1])
    one, other = tuple(range(100)), tuple(range(500, 600))
    few = [(*one, n, n) for n in range(200, 204)]
    assert [group.length for group in kept.groups(few)] == [0]  # too few to tell
    more = [(*one, n, n) for n in range(204, 208)] + [(*other, n) for n in range(300, 308)]
    groups = kept.groups([*more, (1, 2, 3)])
    assert read == [one, other]
    assert {(group.places, group.length) for group in groups} == {
        ((0, 1, 2, 3), 100),
        ((4, 5, 6, 7, 8, 9, 10, 11), 100),
        ((12,), 0),
    }
    # A prompt that ends within the prefix keeps a token of its own; one that leaves it early fits.
    (group,) = kept.groups([one, (*one[:90], 7, 7)])
    assert (group.places, group.length) == ((0, 1), 90)
    assert group.layers[0][0].shape == (1, 90, 1)
    assert [group.length for group in kept.groups([one])] == [99]
    assert len(read) == 2


def test_a_dialogue_that_goes_on_is_no_prefix_of_others() -> None:
    kept = Prefixes(lambda ids: [(torch.zeros(1, len(ids), 1),) * 2])
    for turns in range(1, 7):
        (group,) = kept.groups([tuple(range(100 * turns))])
        assert group.length == 0


def test_a_reply_goes_to_the_end_of_the_context_and_no_further(
    load: Callable[..., Loaded],
) -> None:
    sampler = Sampler(load(context=64))
    assert sampler.context == 64
    prompt = tuple(range(10, 70))
    (sample,) = sampler.generate([Request(prompt[:60], (1,), 100)])[0]
    assert sample.tokens_out == 4
    assert not sample.finished
    with pytest.raises(PersonError, match="70 tokens leaves no room for a reply; allowed: 1 to 63"):
        sampler.generate([Request(tuple(range(10, 80)), (1,))])


def test_a_reply_ends_where_the_next_human_would_speak(load: Callable[..., Loaded]) -> None:
    """The model is made to say so: its logits point at one text after another."""
    loaded = load()
    said = " So be it.\n\nHuman: more"
    script = loaded.tokenizer(said, add_special_tokens=False)["input_ids"]
    sampler = Sampler(loaded)
    prompt = tuple(Encoder(loaded.tokenizer).prompt(TALK))
    forward = sampler._forward

    def scripted(ids: Any, mask: Any, positions: Any, **given: Any) -> Any:
        logits = forward(ids, mask, positions, **given)
        logits[:, script[int(positions.max()) + 1 - len(prompt)]] = 1e4
        return logits

    sampler._forward = scripted  # type: ignore[method-assign]
    (sample,) = sampler.generate([Request(prompt, (1,), 100)])[0]
    assert sample.text == "So be it."
    assert sample.finished
    assert sample.tokens_out < len(script)


def test_an_end_token_ends_a_reply(load: Callable[..., Loaded]) -> None:
    sampler = Sampler(load(chat_template=True))
    assert len(sampler.encoder.stop_ids) == 2
    asked = [Request(prompt, tuple(range(40)), 60) for prompt in prompts(sampler.loaded, 3)]
    ended = [sample for sample in flat(sampler.generate(asked)) if sample.finished]
    assert ended
    for sample in ended:
        assert sample.ids[-1] in sampler.encoder.stop_ids
        assert not sampler.encoder.stop_ids & set(sample.ids[:-1])
        assert "<|end|>" not in sample.text
