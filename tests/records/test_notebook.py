"""What a notebook shows of records."""

from __future__ import annotations

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.simulate import Settings, simulate
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.analysis.topics.sequential import Look
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.values import Message


def test_an_answer_is_a_table_of_its_numbers_with_the_reason_where_one_is_missing() -> None:
    frame = simulate(Settings(effects=(0.0, 0.5)), 1)
    found = contrasts(frame, how=Bootstrap(resamples=200), design="observational")
    shown = found._repr_html_()
    first = found.contrasts[0].difference
    assert first.estimate is not None
    assert first.low is not None
    assert f"{first.estimate:.4g} [{first.low:.4g}, " in shown
    assert shown.count("<table>") == shown.count("</table>")
    assert f"n = {first.n:,}; {first.method}" in shown
    assert shown.count("observational") == 2
    none = Estimate(
        estimate=0.5, low=None, high=None, level=0.95, n=1, method="m", reason="too <few>"
    )
    assert "<td>0.5</td>" in none._repr_html_()
    assert "too &lt;few&gt;" in none._repr_html_()


def test_hostile_and_long_texts_are_escaped_and_cut() -> None:
    shown = Message(role="human", text="<script>" + "x" * 1000)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "808 letters more" in shown
    assert len(shown) < 1000


def test_a_record_that_only_looks_like_an_estimate_is_a_table() -> None:
    class Looks(Record):
        looks: tuple[Look, ...]

    shown = Looks(looks=(Look(attacks=3, estimate=1.0, low=0.5, high=1.5),))._repr_html_()
    assert '<th scope="col">estimate</th>' in shown
    assert "<td>0.5</td>" in shown
