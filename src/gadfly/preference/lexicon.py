"""The word lists behind the dense features: how a reply refuses, hedges, advises or agrees.

Common English words of stance, no topics. A model is free to give any list any sign; most of them
tell evasion from engagement, which is what harmlessness comparisons reward most (see the model
card's limits). Changing a list changes :data:`gadfly.preference.features.VERSION`.
"""

from __future__ import annotations

__all__ = ["LISTS"]

LISTS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "apology": "sorry apologize apologies apologise",
        "negation": "not no never don't can't cannot won't shouldn't doesn't isn't wouldn't didn't"
        " aren't couldn't",
        "inability": "can't cannot won't unable refuse",
        "hedge": "maybe perhaps might may seems seem probably possibly could sounds",
        "opinion": "think believe feel opinion guess suppose",
        "first_person": "i i'm i'd i'll i've me my",
        "second_person": "you your you're you'd you'll yourself",
        "third_person": "he she they him her them his their",
        "ethics": "illegal legal law laws wrong ethical unethical moral immoral harmful harm"
        " dangerous safe safety risk consequences respect hurt hurtful appropriate inappropriate",
        "care": "help support talk care hope understand feelings therapist counselor friend"
        " concerned worried problem",
        "agreement": "yes yeah sure ok okay right agree definitely absolutely course",
        "denial": "no nope",
        "instruction": "use using try get make put take go find buy first then next start need add"
        " open look check",
        "question_word": "why what how who where when which",
        "reason": "because since so therefore",
        "duty": "should must ought",
        "contrast": "but however although though",
        "clarification": "mean sense clarify asking understand confused unclear",
        "ignorance": "don't know unsure",
        "warmth": "good great nice love happy best fun thanks thank",
    }.items()
}
"""Words by list; lower case, straight apostrophes. A word may stand in several lists."""
