"""What happens in a dialogue besides its attacker: assistants answer, and chance decides.

Every draw follows from the study's seed, the attack's number and the place in its dialogue, whether
a runner drives the dialogue or a person does on the site.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from gadfly.records.canonical import canonical_json
from gadfly.records.values import Message, Usage
from gadfly.redteam.assignment import ArmCount, draw_arm
from gadfly.redteam.events import Abandoned, Continued, Event, Replied, Shown
from gadfly.redteam.state import REPLIES, Dialogue, Needed
from gadfly.run.budget import MemberSpent, Purse
from gadfly.run.casts import Cast
from gadfly.store.rows import Counts, StoredAttack
from gadfly.study.arms import Price
from gadfly.study.protocol import Study

__all__ = ["ask", "assigner", "chance", "draw_for", "first_calls"]

_OPENING = (Message(role="human", text=" " * 200),)  # a first message, to see what it can cost


def first_calls(cast: Cast) -> list[tuple[Usage, Price | None]]:
    """The most that the first turn of a dialogue can cost, by arm."""
    return [
        (assistant.bound(_OPENING, REPLIES, cast.sampling[name]), cast.prices[name])
        for name, assistant in cast.assistants.items()
    ]


def assigner(study: Study) -> Callable[[Counts], tuple[str, str] | None]:
    """What draws the next attack's arm: from the counts so far, its name and how it was drawn as
    canonical JSON; ``None`` where every quota is full.
    """

    def draw(counts: Counts) -> tuple[str, str] | None:
        arms = {
            arm.arm.name: ArmCount(
                quota=arm.quota,
                assigned=counts.by_arm.get(arm.arm.name, 0),
                by_member=counts.by_arm_of_member.get(arm.arm.name, 0),
            )
            for arm in study.arms
        }
        drawn = draw_arm(arms, random.Random(f"arm/{study.seed}/{counts.number}"))
        if drawn is None:
            return None
        return drawn.arm, canonical_json(drawn.assignment).decode()

    return draw


def draw_for(cast: Cast, attack: StoredAttack, dialogue: Dialogue, need: Needed) -> random.Random:
    """The random stream of one step."""
    place = _place(cast, attack, dialogue, need)
    return random.Random(f"{place}/{'+'.join(need.questions)}")


def chance(cast: Cast, attack: StoredAttack, dialogue: Dialogue, need: Needed) -> Event | None:
    """What a coin decides; ``None`` where it is somebody's turn."""
    if need.what == "order":
        draw = draw_for(cast, attack, dialogue, need)
        return Shown(order=tuple(draw.sample(range(REPLIES), REPLIES)))
    if need.what == "continuation":
        return Continued(slot=draw_for(cast, attack, dialogue, need).randrange(REPLIES))
    return None


async def ask(
    cast: Cast,
    attack: StoredAttack,
    dialogue: Dialogue,
    need: Needed,
    *,
    purse: Purse,
    halted: Callable[[], bool],
) -> Sequence[Event]:
    """One try for each reply that is missing; the member's budget may end the dialogue.

    :raises ServerProblem: the server answers nobody; what was paid stands on it.
    :raises Stopped: the run halted.
    :raises BudgetSpent: the study's budget allows no further call.
    """
    place = _place(cast, attack, dialogue, need)
    tries = dialogue.turn.tries if dialogue.turn else ()
    due = [(slot, len(tries[slot])) for slot in need.slots]
    seeds = [random.Random(f"{place}/{slot}/{attempt}").getrandbits(31) for slot, attempt in due]
    assistant, sampling = cast.assistants[attack.arm], cast.sampling[attack.arm]
    price, conversation = cast.prices[attack.arm], dialogue.conversation
    asking = assistant.reply(conversation, seeds=seeds, sampling=sampling)
    try:
        if purse.budget.limited:
            most = assistant.bound(conversation, len(seeds), sampling)
            if most.calls and sampling.max_tokens is None:
                asking.close()
                return [Abandoned(reason="its arm states no longest reply, and there is a budget")]
            replies = await purse.pay(attack.member, most, price, asking, halted=halted)
        else:
            replies = await asking
    except MemberSpent as spent:
        return [Abandoned(reason=str(spent))]
    return [
        Replied(slot=slot, attempt=attempt, reply=reply)
        for (slot, attempt), reply in zip(due, replies, strict=True)
    ]


def _place(cast: Cast, attack: StoredAttack, dialogue: Dialogue, need: Needed) -> str:
    return f"{cast.seed}/{attack.number}/{len(dialogue.turns)}/{need.what}"
