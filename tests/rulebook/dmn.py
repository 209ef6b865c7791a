"""DMN models written down in a few words, and FEEL evaluated, for the tests of decision tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import localcontext
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from anhuan.rulebook.tables.evaluate import Decider, Outcome
from anhuan.rulebook.tables.feel import Compiler, Scope
from anhuan.rulebook.tables.functions import BUILT_INS
from anhuan.rulebook.tables.model import Model
from anhuan.rulebook.tables.reading import Reader
from anhuan.rulebook.tables.types import BUILT_IN
from anhuan.rulebook.tables.values import NUMBERS, write

NAMESPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def evaluate(text: str, at: Any = None, **names: Any) -> tuple[Any, list[str]]:
    """The value of an expression, and why nulls came about."""
    scope = Scope({name.replace("_", " "): value for name, value in names.items()}, [], at)
    node = Reader([*BUILT_INS, "now", "today", *scope.names], (), BUILT_IN).expression(text)
    with localcontext(NUMBERS):
        return Compiler().expression(node)(scope), scope.notes


def feel(text: str, **names: Any) -> str:
    """The value of an expression as text, strings in quotes."""
    return write(evaluate(text, **names)[0], inside=True)


def definitions(*parts: str, namespace: str = NAMESPACE) -> bytes:
    return f'<definitions xmlns="{namespace}" name="m" namespace="urn:test">{"".join(parts)}</definitions>'.encode()


def item(name: str, base: str = "", allowed: str = "", *, many: bool = False, components: Iterable[str] = ()) -> str:
    inner = f"<typeRef>{base}</typeRef>" if base else ""
    inner += f"<allowedValues><text>{escape(allowed)}</text></allowedValues>" if allowed else ""
    inner += "".join(components)
    return f"<itemDefinition name={quoteattr(name)} isCollection={quoteattr(str(many).lower())}>{inner}</itemDefinition>"


def component(name: str, base: str) -> str:
    return f"<itemComponent name={quoteattr(name)}><typeRef>{base}</typeRef></itemComponent>"


def input_data(name: str, type_name: str = "") -> str:
    typed = f" typeRef={quoteattr(type_name)}" if type_name else ""
    return (
        f"<inputData id={quoteattr('i ' + name)} name={quoteattr(name)}><variable name={quoteattr(name)}{typed}/></inputData>"
    )


def literal(text: str, type_name: str = "") -> str:
    typed = f" typeRef={quoteattr(type_name)}" if type_name else ""
    return f"<literalExpression{typed}><text>{escape(text)}</text></literalExpression>"


def decision(name: str, logic: str, *, needs: Sequence[str] = (), knows: Sequence[str] = (), type_name: str = "") -> str:
    """`needs` are ids: `i Name` of an input, `d Name` of a decision; `knows`: `k Name`."""
    typed = f" typeRef={quoteattr(type_name)}" if type_name else ""
    required = "".join(
        f"<informationRequirement><required{'Input' if i.startswith('i ') else 'Decision'} href={quoteattr('#' + i)}/>"
        "</informationRequirement>"
        for i in needs
    ) + "".join(f"<knowledgeRequirement><requiredKnowledge href={quoteattr('#' + k)}/></knowledgeRequirement>" for k in knows)
    name_ = quoteattr(name)
    return f"<decision id={quoteattr('d ' + name)} name={name_}><variable name={name_}{typed}/>{required}{logic}</decision>"


def knowledge(name: str, parameters: dict[str, str], body: str, *, knows: Sequence[str] = ()) -> str:
    formal = "".join(f"<formalParameter name={quoteattr(n)} typeRef={quoteattr(t)}/>" for n, t in parameters.items())
    required = "".join(
        f"<knowledgeRequirement><requiredKnowledge href={quoteattr('#' + k)}/></knowledgeRequirement>" for k in knows
    )
    return (
        f"<businessKnowledgeModel id={quoteattr('k ' + name)} name={quoteattr(name)}><variable name={quoteattr(name)}/>"
        f"<encapsulatedLogic>{formal}{body}</encapsulatedLogic>{required}</businessKnowledgeModel>"
    )


def table(
    policy: str,
    inputs: Sequence[tuple[str, str]],
    rules: Sequence[Sequence[str]],
    *,
    outputs: Sequence[tuple[str, str]] = (("", ""),),
    aggregation: str = "",
    default: str = "",
) -> str:
    """Inputs are (expression, type), outputs (name, allowed values), rules their cells in that order."""
    added = f" aggregation={quoteattr(aggregation)}" if aggregation else ""
    xml = [f"<decisionTable hitPolicy={quoteattr(policy)}{added}>"]
    for text, type_name in inputs:
        typed = f" typeRef={quoteattr(type_name)}" if type_name else ""
        xml.append(f"<input><inputExpression{typed}><text>{escape(text)}</text></inputExpression></input>")
    for name, allowed in outputs:
        inner = f"<outputValues><text>{escape(allowed)}</text></outputValues>" if allowed else ""
        inner += f"<defaultOutputEntry><text>{escape(default)}</text></defaultOutputEntry>" if default else ""
        xml.append(f"<output{f' name={quoteattr(name)}' if name else ''}>{inner}</output>")
    for rule in rules:
        cells = [f"<inputEntry><text>{escape(c)}</text></inputEntry>" for c in rule[: len(inputs)]]
        cells += [f"<outputEntry><text>{escape(c)}</text></outputEntry>" for c in rule[len(inputs) :]]
        xml.append(f"<rule>{''.join(cells)}</rule>")
    return "".join([*xml, "</decisionTable>"])


def one_table(policy: str, inputs: dict[str, str], rules: Sequence[Sequence[str]], **more: Any) -> Model:
    """A model with the one decision `d`, a table over inputs by name and type."""
    body = table(policy, list(inputs.items()), rules, **more)
    return Model(definitions(*(input_data(*i) for i in inputs.items()), decision("d", body, needs=[f"i {n}" for n in inputs])))


def decide(model: Model | bytes, name: str = "d", **row: Any) -> Outcome:
    model = Model(model) if isinstance(model, bytes) else model
    return Decider(model, name).decide({key.replace("_", " "): value for key, value in row.items()})
