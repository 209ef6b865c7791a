"""The words of the table editor (dmn-js) in the reader's language, and the policy of the pages that hold it.

Knows every sentence the editor has translated through its `translate` module, and what its pages may do beyond the policy of the
others. Does not know any model.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from django.utils.translation import override
from django.utils.translation import pgettext_lazy as _

from anhuan.workbench.middleware import SOURCES, policy

_STYLES = (
    "vertical-align:middle",
    "position: absolute; bottom: 15px; right: 15px; z-index: 100;",
    "z-index: 1001;position: fixed;top: 0;left: 0;right: 0;bottom: 0",
    "width: 100%;height: 100%;background: rgba(40,40,40,0.2)",
    (
        "position: absolute;left: 50%;top: 40%;transform: translate(-50%);width: 260px;padding: 10px;background: white;"
        "box-shadow: 0 1px 4px rgba(0,0,0,0.3);font-family: Helvetica, Arial, sans-serif;font-size: 14px;display: flex;line-height: 1.3"
    ),
    "margin: 15px 20px 15px 10px; align-self: center;",
    "\n          visibility: hidden;\n          position: fixed;\n          top: -10000px\n      ",
)
"""The style attributes in the editor's own code: six of its makers' mark, which its licence forbids to change, and one of a row
that is dragged. All other styles it sets through the object model, which no policy forbids."""


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


_ATTRIBUTES = {"style-src-attr": " ".join(["'unsafe-hashes'", *map(_hashed, _STYLES)])}

VIEWER_POLICY = policy(SOURCES | _ATTRIBUTES)
"""These style attributes and no other; no style element, no script, no foreign source."""


def editor_policy(nonce: str) -> str:
    """Also style elements that carry the nonce: the editor of cells (CodeMirror) makes its own."""
    return policy(SOURCES | _ATTRIBUTES | {"style-src-elem": f"'self' 'nonce-{nonce}'"})


_WORDS = (
    _("dmn", '"value"'), _("dmn", '"value", "value", ...'), _("dmn", "Activate hand tool"), _("dmn", "Activate lasso tool"),
    _("dmn", "Add cell description"), _("dmn", "Add input"), _("dmn", "Add input column left"),
    _("dmn", "Add input column right"), _("dmn", "Add output"), _("dmn", "Add output column left"),
    _("dmn", "Add output column right"), _("dmn", "Add parameter"), _("dmn", "Add predefined values"), _("dmn", "Add rule"),
    _("dmn", "Add rule above"), _("dmn", "Add rule below"), _("dmn", "Add text annotation"), _("dmn", "Add values"),
    _("dmn", "After"), _("dmn", "And"), _("dmn", "Annotation"), _("dmn", "Annotations"), _("dmn", "Any"),
    _("dmn", "Append business knowledge model"), _("dmn", "Append decision"), _("dmn", "Append input data"),
    _("dmn", "Append knowledge source"), _("dmn", "Before"), _("dmn", "Between"), _("dmn", "Boolean value"),
    _("dmn", "Change cell expression language"), _("dmn", "Change type"), _("dmn", "Clear predefined values"),
    _("dmn", "Collect"), _("dmn", "Collect (Count)"), _("dmn", "Collect (Max)"), _("dmn", "Collect (Min)"),
    _("dmn", "Collect (Sum)"), _("dmn", "Collects the values of all matching rules"),
    _("dmn", "Collects the values of all matching rules and counts the number of them"),
    _("dmn", "Collects the values of all matching rules and sums up to a single value"),
    _("dmn", "Collects the values of all matching rules and uses the highest value"),
    _("dmn", "Collects the values of all matching rules and uses the lowest value"),
    _("dmn", "Collects the values of all matching rules in decreasing output priority order"),
    _("dmn", "Collects the values of all matching rules in rule order"), _("dmn", "Comparison"),
    _("dmn", "Comparison operator"), _("dmn", "Connect to other element"), _("dmn", "Copy input column"),
    _("dmn", "Copy output column"), _("dmn", "Copy rule"), _("dmn", "Create decision"), _("dmn", "Create input data"),
    _("dmn", "Create knowledge model"), _("dmn", "Create knowledge source"), _("dmn", "Custom values"),
    _("dmn", "Cut input column"), _("dmn", "Cut output column"), _("dmn", "Cut rule"), _("dmn", "Date"),
    _("dmn", "Date and time"), _("dmn", "Date and time value"), _("dmn", "Date value"), _("dmn", "Decision name"),
    _("dmn", "Decision name: "), _("dmn", "Decision table"), _("dmn", "Definition ID"), _("dmn", "Definition name"),
    _("dmn", "Delete"), _("dmn", "Duration value"), _("dmn", "Edit"), _("dmn", "Edit boolean"), _("dmn", "Edit date"),
    _("dmn", "Edit date and time"), _("dmn", "Edit duration"), _("dmn", "Edit end date"), _("dmn", "Edit end date and time"),
    _("dmn", "Edit end time"), _("dmn", "Edit formal parameters"), _("dmn", "Edit function kind"), _("dmn", "Edit input"),
    _("dmn", "Edit number"), _("dmn", "Edit output"), _("dmn", "Edit start date"), _("dmn", "Edit start date and time"),
    _("dmn", "Edit start time"), _("dmn", "Edit string"), _("dmn", "Edit time"),
    _("dmn", "Editing not supported for set expression language"), _("dmn", "Element name"), _("dmn", "Empty"),
    _("dmn", "End date"), _("dmn", "End date and time"), _("dmn", "End time"), _("dmn", "End value"),
    _("dmn", "Enter expression"), _("dmn", "Equals"), _("dmn", "Exactly"), _("dmn", "Exclude"), _("dmn", "Expression"),
    _("dmn", "Expression language"), _("dmn", "Expression language:"),
    _("dmn", "Expression language: {expressionLanguageLabel}"), _("dmn", "First"), _("dmn", "Function kind: {kind}"),
    _("dmn", "Greater"), _("dmn", "Greater or equals"), _("dmn", "Hit policy"), _("dmn", "Hit policy:"), _("dmn", "Include"),
    _("dmn", "Input"), _("dmn", "Input expression"), _("dmn", "Input expression: "), _("dmn", "Input label"),
    _("dmn", "Input label: "), _("dmn", "Input type"), _("dmn", "Input values"), _("dmn", "Kind"), _("dmn", "Less"),
    _("dmn", "Less or equals"), _("dmn", "Literal expression"), _("dmn", "Literal expression editor"), _("dmn", "Match none"),
    _("dmn", "Match one"), _("dmn", "Move rule"), _("dmn", "No"),
    _("dmn", "No overlap is possible and all rules are disjoint. Only a single rule can be matched"), _("dmn", "No values"),
    _("dmn", "Output"), _("dmn", "Output label"), _("dmn", "Output label: "), _("dmn", "Output name"),
    _("dmn", "Output name: "), _("dmn", "Output order"), _("dmn", "Output type"), _("dmn", "Output values"),
    _("dmn", "Paste input column left"), _("dmn", "Paste input column right"), _("dmn", "Paste output column left"),
    _("dmn", "Paste output column right"), _("dmn", "Paste rule above"), _("dmn", "Paste rule below"),
    _("dmn", "Predefined values"), _("dmn", "Priority"), _("dmn", "Range"), _("dmn", "Range end operator"),
    _("dmn", "Range end value"), _("dmn", "Range start operator"), _("dmn", "Range start value"),
    _("dmn", "Remove cell description"), _("dmn", "Remove input column"), _("dmn", "Remove output column"),
    _("dmn", "Remove parameter"), _("dmn", "Remove rule"), _("dmn", "Resize"), _("dmn", "Rule order"),
    _("dmn", "Rules may overlap. The first matching rule will be chosen"),
    _("dmn", "Rules may overlap. The one with the highest priority will be chosen"),
    _("dmn", "Rules may overlap. Their output have to match"), _("dmn", "Search in diagram"), _("dmn", "Set date"),
    _("dmn", "Set date and time"), _("dmn", "Set duration"), _("dmn", "Set time"), _("dmn", "Set value"),
    _("dmn", "Start date"), _("dmn", "Start date and time"), _("dmn", "Start time"), _("dmn", "Start value"),
    _("dmn", "String value"), _("dmn", "Strings must be in double quotes"), _("dmn", "Test type"), _("dmn", "Then"),
    _("dmn", "Time"), _("dmn", "Time value"), _("dmn", "Type"), _("dmn", "Unique"), _("dmn", "Use now"),
    _("dmn", "Use today"), _("dmn", "Value"), _("dmn", "Values"), _("dmn", "Variable name"), _("dmn", "Variable name:"),
    _("dmn", "Variable type"), _("dmn", "Variable type:"), _("dmn", "View DRD"), _("dmn", "When"), _("dmn", "Yes"),
    _("dmn", "e.g. { example } "), _("dmn", "e.g. { sample }"), _("dmn", "false"), _("dmn", "name"), _("dmn", "true"),
    _("dmn", "Open decision table"), _("dmn", "Open literal expression"), _("dmn", "Open boxed expression"),
)  # fmt: skip


def words() -> dict[str, str]:
    """The sentences of the editor, by what it calls them."""
    with override("en"):
        names = [str(word) for word in _WORDS]
    return dict(zip(names, map(str, _WORDS), strict=True))
