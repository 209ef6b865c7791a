"""What is looked at on every page: that axe finds nothing, that a key means one thing, and that the page speaks one language."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Latin words that a Chinese page may hold: names of products, formats, codes of the bank and of the house, keys and addresses.
KEPT = re.compile(
    r"\b(?:Anhuan|English|CSV|XLSX|PDF|JSON|PNG|JPEG|MB|DMN|FEEL|SHA|UTC|CNY|USD|HKD|EUR|Ctrl|Enter|Esc|Tab|TOTP|Chromium|Chrome|"
    r"Linux|Firefox|Safari|HeadlessChrome|camt|Asia/Shanghai|GB|T|M\d|[A-Z]{2,4}\d*|[a-z]|[a-z]+[._:-][a-z0-9._:-]+|C\d+|A\d+)\b"
)
_WORD = re.compile(r"[A-Za-z]{3,}")
_TEXTS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const said = (node) => node.closest('[lang]').lang;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest('script, style, code, noscript, kbd, textarea, .by, .who, [data-names]')) continue;
    found.push([said(parent), node.textContent]);
  }
  for (const node of document.querySelectorAll('[aria-label], [title], [placeholder]'))
    for (const name of ['aria-label', 'title', 'placeholder'])
      if (node.hasAttribute(name)) found.push([said(node), node.getAttribute(name)]);
  return found.filter(([, text]) => text.trim());
}"""
_KEYS = """() => {
  const keys = [...document.querySelectorAll('[data-key]')].filter((node) => node.getClientRects().length).map((node) => node.dataset.key);
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
    return [" ".join(text.split())[:120] for text in texts if _WORD.search(KEPT.sub("", text))]
