"""Looking at a page: what axe-core finds, whether it fits a phone, whether dark is dark.

With ``GADFLY_LOOK=folder`` every page that is looked at is kept there as pictures, for people.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Page

__all__ = ["Eyes"]

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
GRAVE = ("serious", "critical")
SIDEWAYS = """() => {
  const wide = document.documentElement.clientWidth;
  const out = [...document.querySelectorAll("body *")].filter(
    (e) => e.getBoundingClientRect().right > wide + 1 && !e.closest(".unseen, .skip, thead")
      && getComputedStyle(e).position !== "absolute");
  return document.documentElement.scrollWidth > wide
    ? (out.map((e) => `${e.tagName}.${e.className}`).join(" ") || "the page") : "";
}"""
BROKEN = """() => [...document.querySelectorAll("[data-label]")].filter((e) => {
  const label = getComputedStyle(e, "::before");
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = label.font;
  const words = e.dataset.label.split(" ").map((word) => pen.measureText(word).width);
  return parseFloat(label.width) < Math.max(...words) - 1;
}).map((e) => e.dataset.label).join(", ")"""
BACKGROUND = "() => getComputedStyle(document.documentElement).backgroundColor"
AXE = """async () => (await axe.run()).violations.map((v) =>
  ({impact: v.impact, text: v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary)
    .join(" | ").slice(0, 2000)}))"""


class Eyes:
    """Every page that was looked at, by name."""

    def __init__(self, axe: str) -> None:
        self._axe = axe
        self.seen: list[str] = []

    def look(self, page: Page, name: str) -> None:
        """Look at the present page in light and dark, on a desk and on a phone."""
        self.seen.append(name)
        page.wait_for_load_state("load")  # words may stand there before the style sheet does
        before = page.viewport_size
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(SIDEWAYS) == "", f"{name} scrolls sideways ({size})"
            assert page.evaluate(BROKEN) == "", f"{name} breaks words of labels ({size})"
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                self._picture(page, f"{name}-{size}-{scheme}")
                light = lightness(page)
                assert light > 0.8 if scheme == "light" else light < 0.2, f"{name}: {scheme}"
                found = self.findings(page)
                assert found == [], f"{name} ({size}, {scheme})"
        assert before is not None
        page.set_viewport_size(before)
        page.emulate_media(color_scheme="light")

    def findings(self, page: Page) -> list[str]:
        """What axe-core finds serious or critical."""
        page.evaluate(f"() => {{ if (!window.axe) {{ {self._axe} }} }}")
        return [v["text"] for v in page.evaluate(AXE) if v["impact"] in GRAVE]

    def _picture(self, page: Page, name: str) -> None:
        folder = os.environ.get("GADFLY_LOOK")
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def lightness(page: Page) -> float:
    """How light the page's background is, 0 to 1."""
    colour = [int(part) for part in re.findall(r"\d+", page.evaluate(BACKGROUND))[:3]]
    return sum(colour) / (3 * 255)
