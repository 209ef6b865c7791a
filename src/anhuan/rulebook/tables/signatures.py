"""How built-in functions are declared: a line of FEEL-like text per form, checked and dispatched by kind of argument.

`@builtin("substring(string: string, start position: number, length?: number)")`: a `?` after a name makes it optional,
after a kind lets null pass, `...` takes any number. Several forms of one name are tried in the order they are declared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from anhuan.rulebook.tables.operators import kind, midnight
from anhuan.rulebook.tables.types import BUILT_IN
from anhuan.rulebook.tables.values import Date, DateTime, Value, Wrong

_SHORT: dict[str, tuple[type, ...]] = {
    **BUILT_IN,
    "datetime": BUILT_IN["date and time"],
    "days": BUILT_IN["days and time duration"],
    "months": BUILT_IN["years and months duration"],
}
_PARAMETER = re.compile(r"\s*(?P<name>[\w ]+?)(?P<optional>\?)?(?P<many>\.\.\.)?\s*:\s*(?P<kinds>[\w| ]+?)(?P<null>\?)?\s*")


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kinds: tuple[type, ...] | None
    optional: bool
    many: bool
    null: bool

    def takes(self, value: Value) -> bool:
        if value is None:
            return self.null
        return self.kinds is None or type(value) in self.kinds

    def fitted(self, value: Value) -> Value:
        """The value, or what it becomes by the conversions FEEL makes without being asked; Wrong if neither fits."""
        if self.takes(value):
            return value
        kinds = self.kinds or ()
        if isinstance(value, list) and len(value) == 1 and list not in kinds and self.takes(value[0]):
            return value[0]
        if list in kinds and value is not None:
            return [value]
        if isinstance(value, Date) and DateTime in kinds:
            return midnight(value)
        raise Wrong(f"{self.name} is {kind(value)}")


@dataclass(frozen=True, slots=True)
class Form:
    parameters: tuple[Parameter, ...]
    compute: Callable[..., Value]

    def arranged(self, arguments: tuple[Value, ...], names: tuple[str, ...]) -> list[Value]:
        """The arguments in the order of the parameters; Wrong if they do not go together."""
        if not names:
            return self._by_position(arguments)
        given = dict(zip(names, arguments, strict=True))
        known = [p.name for p in self.parameters]
        if len(given) != len(names) or not set(given) <= set(known):
            raise Wrong(f"parameters are {', '.join(known)}")
        chosen: list[Value] = []
        for parameter in self.parameters:
            if parameter.name in given:
                chosen.append(given[parameter.name])
            elif not parameter.optional:
                raise Wrong(f"{parameter.name} is missing")
            else:
                chosen.append(None)
        while chosen and chosen[-1] is None and self.parameters[len(chosen) - 1].name not in given:
            chosen.pop()
        return chosen

    def _by_position(self, arguments: tuple[Value, ...]) -> list[Value]:
        least = sum(not (p.optional or p.many) for p in self.parameters)
        many = bool(self.parameters) and self.parameters[-1].many
        if len(arguments) < least or (len(arguments) > len(self.parameters) and not many):
            raise Wrong(f"{len(arguments)} arguments where {len(self.parameters)} go")
        return list(arguments)

    def parameter(self, at: int) -> Parameter:
        return self.parameters[min(at, len(self.parameters) - 1)]

    def exact(self, values: list[Value]) -> bool:
        return all(self._passes(at, value) for at, value in enumerate(values))

    def _passes(self, at: int, value: Value) -> bool:
        parameter = self.parameter(at)
        return parameter.takes(value) or (value is None and parameter.optional)

    def fitted(self, values: list[Value]) -> list[Value]:
        return [
            value if value is None and self.parameter(at).optional else self.parameter(at).fitted(value)
            for at, value in enumerate(values)
        ]


@dataclass(frozen=True, slots=True)
class BuiltIn:
    name: str
    forms: list[Form]

    def __call__(self, arguments: tuple[Value, ...], names: tuple[str, ...] = ()) -> Value:
        """Raises Wrong: no form takes such arguments, or the function has no value for them."""
        why: object = "no form of it takes such arguments"
        arranged: list[tuple[Form, list[Value]]] = []
        for form in self.forms:
            try:
                arranged.append((form, form.arranged(arguments, names)))
            except Wrong as wrong:
                why = wrong
        for form, values in arranged:
            if form.exact(values):
                return self._computed(form, values)
        for form, values in arranged:
            try:
                values = form.fitted(values)  # noqa: PLW2901  # the same values, made to fit
            except Wrong as wrong:
                why = wrong
                continue
            return self._computed(form, values)
        raise Wrong(f"{self.name}: {why}")

    def _computed(self, form: Form, values: list[Value]) -> Value:
        try:
            return form.compute(*values)
        except Wrong as wrong:
            raise Wrong(f"{self.name}: {wrong}") from None
        except ArithmeticError as error:
            raise Wrong(f"{self.name}: no number ({type(error).__name__})") from None


BUILT_INS: dict[str, BuiltIn] = {}


def builtin(signature: str) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Declares a form of a built-in function."""
    name, _, rest = signature.partition("(")
    parameters = tuple(_parameter(text) for text in rest.rstrip(")").split(",") if text.strip())

    def declare(compute: Callable[..., Value]) -> Callable[..., Value]:
        BUILT_INS.setdefault(name, BuiltIn(name, [])).forms.append(Form(parameters, compute))
        return compute

    return declare


def _parameter(text: str) -> Parameter:
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise ValueError(text)
    kinds = [kind.strip() for kind in found["kinds"].split("|")]
    types = None if kinds == ["any"] else tuple(python for kind in kinds for python in _SHORT[kind])
    return Parameter(found["name"], types, bool(found["optional"]), bool(found["many"]), bool(found["null"]))


def whole(number: Decimal) -> int:
    """A number where a whole one is wanted: its fraction is cut off. Raises Wrong for one no place or date can have."""
    if number.adjusted() > 18:
        raise Wrong(f"{number} is out of reach")
    return int(number)
