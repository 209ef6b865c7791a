"""A DMN model: its input data, decisions, knowledge models and services by id and name, its types, who requires whom.

Knows the XML of DMN. Does not evaluate: the logic of a node stays an element until somebody asks for it, so that what
is not supported is refused only where it is needed, by name and line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from anhuan.rulebook.tables import document
from anhuan.rulebook.tables.document import Element, ModelRefused
from anhuan.rulebook.tables.feel import Compiler, Scope, type_from
from anhuan.rulebook.tables.functions import BUILT_INS
from anhuan.rulebook.tables.reading import Reader, Unreadable, parts
from anhuan.rulebook.tables.syntax import TypeName
from anhuan.rulebook.tables.types import BUILT_IN, SYNONYMS, Type, built_in
from anhuan.rulebook.tables.values import Value

LOGIC = (
    "literalExpression", "decisionTable", "context", "list", "relation", "invocation", "functionDefinition",
    "conditional", "filter", "for", "some", "every",
)  # fmt: skip
FEEL = frozenset({
    "", "feel", "FEEL", "http://www.omg.org/spec/FEEL/20140401", "http://www.omg.org/spec/DMN/20180521/FEEL/",
    "https://www.omg.org/spec/DMN/20191111/FEEL/", "https://www.omg.org/spec/DMN/20211108/FEEL/",
    "https://www.omg.org/spec/DMN/20230324/FEEL/", "https://www.omg.org/spec/DMN/20240513/FEEL/",
})  # fmt: skip
_NODES = {
    "inputData": "input", "decision": "decision", "businessKnowledgeModel": "knowledge", "decisionService": "service",
}  # fmt: skip
_BUILT_IN_NAMES = frozenset({*BUILT_INS, "now", "today"})


@dataclass(eq=False)
class Node:
    """An input, a decision, a knowledge model or a service; `type_name` is that of its variable."""

    kind: str
    id: str
    name: str
    type_name: str
    element: Element
    requires: list[str] = field(default_factory=list)
    knows: list[str] = field(default_factory=list)

    @property
    def logic(self) -> Element | None:
        holder = self.element.first("encapsulatedLogic") if self.kind == "knowledge" else self.element
        return holder.first(*LOGIC) if holder is not None else None


@lru_cache(maxsize=4096)
def same_name(name: str) -> str:
    """Names that differ in spaces alone are one."""
    return " ".join(parts(name))


class Model:
    def __init__(self, data: bytes) -> None:
        """Raises ModelRefused."""
        self.root = document.read(data)
        self.namespace = self.root.attribute("namespace")
        self.nodes: dict[str, Node] = {}
        self._items = {same_name(item.attribute("name")): item for item in self.root.all("itemDefinition")}
        self._types: dict[str, Type | None] = {}
        for element in self.root.children:
            if element.name in _NODES:
                node = self._node(element)
                self.nodes[node.id] = node
        self.members = sorted(set(_members(self.root)))
        self.type_names = [item.attribute("name") for item in self.root.all("itemDefinition")]
        self._named_types = [*self.type_names, *BUILT_IN, *SYNONYMS]
        self._plain_reader = Reader(_BUILT_IN_NAMES, self.members, self._named_types)
        self.compiler = Compiler(self._type_of_written)

    @staticmethod
    def load(path: Path) -> Model:
        """Raises ModelRefused."""
        try:
            if path.stat().st_size > document.MOST_BYTES:
                raise ModelRefused(f"{path} 过大。", f"{path} is too large")
            data = path.read_bytes()
        except OSError as error:
            raise ModelRefused(f"无法读取 {path}:{error.strerror}", f"cannot read {path}: {error.strerror}") from None
        return Model(data)

    # --- nodes ---

    def _node(self, element: Element) -> Node:
        variable = element.first("variable")
        name = element.attribute("name") or (variable.attribute("name") if variable else "")
        node = Node(
            kind=_NODES[element.name],
            id=element.attribute("id") or f"{element.name}:{name}",
            name=name,
            type_name=(variable.attribute("typeRef") if variable else "")
            or (variable.text_of("typeRef") or "" if variable else ""),
            element=element,
        )
        for requirement in element.all("informationRequirement"):
            for target in requirement.all("requiredInput", "requiredDecision"):
                node.requires.append(self.local(target))
        for requirement in element.all("knowledgeRequirement"):
            for target in requirement.all("requiredKnowledge"):
                node.knows.append(self.local(target))
        return node

    def local(self, target: Element) -> str:
        """The id a reference points to; one into another model keeps its namespace, and is found nowhere."""
        namespace, _, identity = target.attribute("href").rpartition("#")
        return identity if namespace in {"", self.namespace} else f"{namespace}#{identity}"

    def node(self, identity: str, asking: Node) -> Node:
        found = self.nodes.get(identity)
        if found is None:
            imports = ", ".join(i.attribute("name") or i.attribute("namespace") for i in self.root.all("import"))
            about = f" (imports: {imports})" if imports else ""
            raise ModelRefused(
                f"“{asking.name}”(第 {asking.element.line} 行)引用了本文件没有的 {identity};不支持导入{about}。",
                f"{asking.name!r} (line {asking.element.line}) requires {identity}, which is not in this file; "
                f"imports are not supported{about}",
            )
        return found

    def named(self, name: str, *kinds: str) -> Node | None:
        wanted = same_name(name)
        found = [node for node in self.nodes.values() if node.kind in kinds and same_name(node.name) == wanted]
        return min(found, key=lambda node: kinds.index(node.kind)) if found else None

    def decisions(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.kind == "decision"]

    # --- types ---

    def type(self, name: str, asking: Element) -> Type:
        """The type of that name. Raises ModelRefused when there is none."""
        bare = name.strip()
        found = self._type_named(bare)
        if found is None and ":" in bare:  # DMN 1.1 wrote feel:number
            found = self._type_named(bare.rpartition(":")[2])
        if found is None:
            found = self._type_written(bare)
        if found is None:
            raise ModelRefused(
                f"第 {asking.line} 行的类型 {name} 没有定义(不支持导入)。",
                f"line {asking.line}: there is no type {name} (imports are not supported)",
            )
        return found

    def _type_named(self, name: str) -> Type | None:
        known = built_in(name)
        if known is not None and same_name(name) not in self._items:
            return known
        key = same_name(name)
        if key not in self._types:
            item = self._items.get(key)
            self._types[key] = None  # a type that contains itself is none
            if item is not None:
                self._types[key] = self._type_of_item(item)
        return self._types[key]

    def _type_written(self, name: str) -> Type | None:
        try:
            return self._type_of_written(self._plain_reader.type(name))
        except Unreadable:
            return None

    def _type_of_written(self, name: TypeName) -> Type | None:
        return type_from(name, self._type_named)

    def _type_of_item(self, item: Element) -> Type:
        name = item.attribute("name")
        components = list(item.all("itemComponent"))
        function = item.first("functionItem")
        made: Type
        if components:
            made = Type(name, "context", tuple((c.attribute("name"), self._type_of_item(c)) for c in components))
        elif function is not None:
            result = function.attribute("outputTypeRef")
            made = Type(name, "function", result=self.type(result, item) if result else None)
        else:
            base = self.type(item.text_of("typeRef") or item.attribute("typeRef") or "Any", item)
            made = Type(name, base.base, base.fields, base.of, base.allowed, base.allowed_text, base.result, base.parameters)
        made = self._allowing(made, item, "allowedValues")
        if item.attribute("isCollection") == "true":
            made = Type(name, "list", of=made)
        return self._allowing(made, item, "typeConstraint")

    def _allowing(self, made: Type, item: Element, clause: str) -> Type:
        holder = item.first(clause)
        text = holder.text_of("text") if holder is not None else None
        if not text or holder is None:
            return made
        match = self.compiler.tests(self.tests(text, holder))
        before = made.allowed

        def allowed(value: Value) -> bool:
            return (before is None or before(value)) and match(Scope({}, []), value) is True

        return Type(made.name, made.base, made.fields, made.of, allowed, text, made.result, made.parameters)

    # --- expressions ---

    def reader(self, names: frozenset[str]) -> Reader:
        return Reader([*_BUILT_IN_NAMES, *names], self.members, self._named_types)

    def tests(self, text: str, where: Element, reader: Reader | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN201
        try:
            return (reader or self._plain_reader).tests(text)
        except Unreadable as unreadable:
            raise ModelRefused(f"第 {where.line} 行:{unreadable}", f"line {where.line}: {unreadable}") from None

    def feel_only(self, element: Element) -> None:
        """Refuses expressions of other languages."""
        language = element.attribute("expressionLanguage") or self.root.attribute("expressionLanguage")
        if language not in FEEL and not language.rstrip("/").endswith("FEEL"):
            raise ModelRefused(
                f"第 {element.line} 行:不支持表达式语言 {language}。",
                f"line {element.line}: the expression language {language} is not supported",
            )


def _members(root: Element) -> Iterator[str]:
    """Whatever may stand behind a dot somewhere in the model."""
    for element in root.everywhere():
        name = element.attribute("name")
        if name and element.name in {
            "itemComponent", "column", "output", "variable", "inputData", "decision", "formalParameter", "parameter",
            "businessKnowledgeModel", "decisionService",
        }:  # fmt: skip
            yield name
