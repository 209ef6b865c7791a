"""What is looked at on every page: that axe finds nothing, that a key means one thing, and that the page speaks one language."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Two English words in a row, or a machine word: neither has a place on a Chinese page outside of what the bank or a law calls so itself.
_SENTENCE = re.compile(r"\b[A-Z]?[a-z]{2,} [a-z]{2,}\b")
_MACHINE = re.compile(r"^[a-z]+(_[a-z]+)+$")
_THE_BANKS_OWN = frozenset({"mass_plus"})
_TEXTS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const said = (node) => node.closest('[lang]').lang;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest('script, style, code, noscript, kbd, textarea, .cite, .muted[title]')) continue;
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


def complaints(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA and good practice, and keys that mean two things."""
    found = Axe().run(page, options={"runOnly": RULES})
    told = [
        f"{rule['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
    return told + [f"two parts answer to the key {key}" for key in page.evaluate(_KEYS)]


def english(page: Page) -> list[str]:
    """Texts of a Chinese page that hold a word nobody translated."""
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    texts = [text for lang, text in page.evaluate(_TEXTS) if lang == "zh-CN"]
    told = [" ".join(text.split()) for text in texts]
    return [text[:120] for text in told if text not in _THE_BANKS_OWN and (_SENTENCE.search(text) or _MACHINE.match(text))]
