"""What is looked at on every page: that axe finds nothing in either theme, that a key means one thing, and that it speaks one language."""

from __future__ import annotations

import re
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# WCAG 2.2 AA and good practice; of what axe finds only what is wrong is told.
_ASKED: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# A theme changes colours and nothing else: in the second one only the rules about colours are asked again.
_OF_COLOURS: dict[str, Any] = {**_ASKED, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_AXE = """async ([within, asked, ofColours]) => {
  const root = document.documentElement;
  const first = root.dataset.bsTheme;
  const wrong = async (options) => (await axe.run(within, options)).violations.flatMap((rule) => rule.nodes.map((node) =>
    `${root.dataset.bsTheme}: ${rule.id}: ${node.html.slice(0, 160)} ${node.any.length ? node.any[0].message : ''}`));
  const turn = (theme) => { root.dataset.bsTheme = theme; root.dispatchEvent(new CustomEvent('theme')); };
  const found = await wrong(asked);
  turn(first === 'dark' ? 'light' : 'dark');
  found.push(...await wrong(ofColours));
  turn(first);
  return found;
}"""
# Two English words in a row, or a machine word: neither has a place on a Chinese page outside of what the bank or a law calls so itself.
_SENTENCE = re.compile(r"\b[A-Z]?[a-z]{2,} [a-z]{2,}\b")
_MACHINE = re.compile(r"^[a-z]+(_[a-z]+)+$")
_THE_BANKS_OWN = frozenset({"mass_plus"})
_HAN = re.compile(r"[\u4e00-\u9fff]")
_CODE = "script, style, code, noscript"
_TEXTS = """(skipped) => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const said = (node) => node.closest('[lang]').lang;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest(skipped)) continue;
    found.push([said(parent), node.textContent]);
  }
  for (const node of document.querySelectorAll('[aria-label], [title], [placeholder]'))
    for (const name of ['aria-label', 'title', 'placeholder'])
      if (node.hasAttribute(name)) found.push([said(node), node.getAttribute(name)]);
  return found.filter(([, text]) => text.trim());
}"""
_KEYS = """() => {
  // The same way may be offered twice.
  const shown = [...document.querySelectorAll('[data-key]')].filter((node) => node.getClientRects().length);
  const ways = new Set(shown.map((node) => node.dataset.key + ' ' + (node.href || node.id || node.outerHTML)));
  const keys = [...ways].map((way) => way.split(' ').slice(0, way.startsWith('g ') ? 2 : 1).join(' '));
  return keys.filter((key, place) => keys.indexOf(key) !== place);
}"""


def complaints(page: Page, within: str = "html") -> list[str]:
    """What axe finds in either theme, and keys that mean two things.

    The page is turned to the other theme for a moment: it must have been opened where colours change at once (`sit_down`).
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    told = list(page.evaluate(_AXE, [within, _ASKED, _OF_COLOURS]))
    return told + [f"two parts answer to the key {key}" for key in page.evaluate(_KEYS)]


def settled(page: Page) -> Page:
    """The page once everything it asked for by itself has come."""
    page.wait_for_function("() => document.readyState === 'complete' && !document.querySelector('.htmx-request')")
    return page


def foreign(page: Page, tag: str) -> list[str]:
    """Texts that are not in the language which the page says it is in: Chinese signs among English ones, or an English sentence."""
    assert page.locator("html").get_attribute("lang") == tag
    wrong = _HAN if tag == "en" else _SENTENCE
    return [text for lang, text in page.evaluate(_TEXTS, _CODE) if lang == tag and wrong.search(text)]


def english(page: Page) -> list[str]:
    """Texts of a Chinese page that hold a word nobody translated."""
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    shown = page.evaluate(_TEXTS, f"{_CODE}, kbd, textarea, .cite, .muted[title]")
    texts = [text for lang, text in shown if lang == "zh-CN"]
    told = [" ".join(text.split()) for text in texts]
    return [text[:120] for text in told if text not in _THE_BANKS_OWN and (_SENTENCE.search(text) or _MACHINE.match(text))]
