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


class _Builder:
    """Hears what the XML parser reads, and keeps what belongs to DMN."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.root = Element("", {}, 0)
        self._parser = parser
        self._open: list[Element | None] = [self.root]
        self._vocabulary = set(NAMESPACES)
        self._declares_dmn = False
        parser.buffer_text = True
        parser.StartNamespaceDeclHandler = self._declared
        parser.StartElementHandler = self._start
        parser.EndElementHandler = lambda _tag: self._open.pop()
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._refuse

    def _declared(self, _prefix: str | None, namespace: str) -> None:
        self._declares_dmn = self._declares_dmn or namespace in NAMESPACES

    def _start(self, tag: str, attributes: dict[str, Any]) -> None:
        if len(self._open) > MOST_DEPTH:
            raise ModelRefused("XML 嵌套过深。", f"the XML is nested deeper than {MOST_DEPTH}")
        namespace, _, name = tag.rpartition(" ")
        parent = self._open[-1]
        if parent is self.root and name == "definitions" and self._declares_dmn:
            self._vocabulary.add(namespace)  # some editors declare DMN, then write its elements in a namespace of their own
        if namespace not in self._vocabulary or parent is None or name == "extensionElements":
            self._open.append(None)
            return
        element = Element(name, attributes, self._parser.CurrentLineNumber)
        parent.children.append(element)
        self._open.append(element)

    def _text(self, words: str) -> None:
        element = self._open[-1]
        if element is not None:
            element.text += words

    @staticmethod
    def _refuse(*_: object) -> None:
        raise ModelRefused("不接受带 DOCTYPE 或实体的 XML。", "XML with a DOCTYPE or entities is refused")


def read(data: bytes) -> Element:
    """The element `definitions`. Raises ModelRefused."""
    if len(data) > MOST_BYTES:
        size = MOST_BYTES // 1024 // 1024
        raise ModelRefused(f"模型文件超过 {size} MB。", f"the model is larger than {size} MB")
    parser = expat.ParserCreate(namespace_separator=" ")
    builder = _Builder(parser)
    try:
        parser.Parse(data, True)  # noqa: FBT003  # expat's way of saying that this is all
    except expat.ExpatError as wrong:
        raise ModelRefused(f"不是良构的 XML:{wrong}", f"not well-formed XML: {wrong}") from None
    definitions = builder.root.first("definitions")
    if definitions is None:
        versions = f"{min(NAMESPACES.values())}–{max(NAMESPACES.values())}"
        raise ModelRefused(f"不是 DMN {versions} 模型。", f"no DMN model of versions {versions}")
    return definitions
