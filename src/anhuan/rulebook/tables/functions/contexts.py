"""Built-in functions on contexts."""

from __future__ import annotations

from anhuan.rulebook.tables.signatures import builtin
from anhuan.rulebook.tables.values import Value, Wrong


@builtin("get value(m: context, key: string)")
def get_value(context: dict[str, Value], key: str) -> Value:
    return context.get(key)


@builtin("get value(context: context, keys: list)")
def get_nested_value(context: dict[str, Value], keys: list[Value]) -> Value:
    found: Value = context
    for key in keys:
        found = found.get(key) if isinstance(found, dict) and isinstance(key, str) else None
    return found if keys else None


@builtin("get entries(m: context)")
def get_entries(context: dict[str, Value]) -> list[Value]:
    return [{"key": key, "value": value} for key, value in context.items()]


@builtin("context(entries: list)")
def context_of(entries: list[Value]) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not {"key", "value"} <= entry.keys() or not isinstance(entry["key"], str):
            raise Wrong("an entry has a key and a value")
        if entry["key"] in made:
            raise Wrong(f"the key {entry['key']!r} stands twice")
        made[entry["key"]] = entry["value"]
    return made


@builtin("context put(context: context, key: string, value: any?)")
def put(context: dict[str, Value], key: str, value: Value) -> dict[str, Value]:
    return {**context, key: value}


@builtin("context put(context: context, keys: list, value: any?)")
def put_nested(context: dict[str, Value], keys: list[Value], value: Value) -> dict[str, Value]:
    if not keys or not all(isinstance(key, str) for key in keys):
        raise Wrong("keys are a list of at least one string")
    first, *rest = keys
    if not rest:
        return {**context, first: value}
    inner = context.get(first)
    if inner is not None and not isinstance(inner, dict):
        raise Wrong(f"{first!r} is no context")
    return {**context, first: put_nested(inner or {}, rest, value)}


@builtin("context merge(contexts: list)")
def merge(contexts: list[Value]) -> dict[str, Value]:
    if not all(isinstance(context, dict) for context in contexts):
        raise Wrong("only contexts are merged")
    return {key: value for context in contexts for key, value in context.items()}
