"""The XML of a DMN file as a small tree with line numbers. Knows XML and the namespaces of DMN; not what they mean.

What is big, deep or declares entities is refused before it can do harm. Elements of other vocabularies (diagrams,
extensions of editors) fall away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

MOST_BYTES = 32 * 1024 * 1024
MOST_DEPTH = 200
NAMESPACES = {
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd": "1.1",
    "http://www.omg.org/spec/DMN/20180521/MODEL/": "1.2",
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
    "https://www.omg.org/spec/DMN/20230324/MODEL/": "1.5",
    "https://www.omg.org/spec/DMN/20240513/MODEL/": "1.6",
}


class ModelRefused(Exception):
    """The model cannot be used; says what and where, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(slots=True)
class Element:
    name: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, *names: str) -> Iterator[Element]:
        return (child for child in self.children if child.name in names)

    def first(self, *names: str) -> Element | None:
        return next(self.all(*names), None)

    def text_of(self, name: str) -> str | None:
        """The text of a child, or None when there is no such child."""
        child = self.first(name)
        return None if child is None else child.text.strip()

    def attribute(self, name: str) -> str:
        return self.attributes.get(name, "").strip()

    def everywhere(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            yield from child.everywhere()


def read(data: bytes) -> Element:
    """The element `definitions`. Raises ModelRefused."""
    if len(data) > MOST_BYTES:
        size = MOST_BYTES // 1024 // 1024
        raise ModelRefused(f"模型文件超过 {size} MB。", f"the model is larger than {size} MB")
    root = Element("", {}, 0)
    open_elements: list[Element | None] = [root]
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, Any]) -> None:
        if len(open_elements) > MOST_DEPTH:
            raise ModelRefused("XML 嵌套过深。", f"the XML is nested deeper than {MOST_DEPTH}")
        namespace, _, name = tag.rpartition(" ")
        parent = open_elements[-1]
        if namespace not in NAMESPACES or parent is None or name == "extensionElements":
            open_elements.append(None)
            return
        element = Element(name, attributes, parser.CurrentLineNumber)
        parent.children.append(element)
        open_elements.append(element)

    def text(words: str) -> None:
        element = open_elements[-1]
        if element is not None:
            element.text += words

    def refuse(*_: object) -> None:
        raise ModelRefused("不接受带 DOCTYPE 或实体的 XML。", "XML with a DOCTYPE or entities is refused")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _tag: open_elements.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003  # expat's way of saying that this is all
    except expat.ExpatError as wrong:
        raise ModelRefused(f"不是良构的 XML:{wrong}", f"not well-formed XML: {wrong}") from None
    definitions = root.first("definitions")
    if definitions is None:
        versions = f"{min(NAMESPACES.values())}–{max(NAMESPACES.values())}"
        raise ModelRefused(f"不是 DMN {versions} 模型。", f"no DMN model of versions {versions}")
    return definitions
