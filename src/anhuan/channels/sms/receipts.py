"""What a message centre says of a message it took, read from its delivery receipt: parameters first, then the text.

Knows SMPP 3.4, appendix B ("id:… sub:… stat:DELIVRD err:000 …"), which message centres write in many ways. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from anhuan.channels.transport import Delivery

_FIELD = re.compile(r"(id|stat|err|done date)\s*:\s*([^\s:]+)", re.IGNORECASE)
# Section 5.2.28 of SMPP 3.4; what is not final (en route, accepted) tells nothing yet.
_STATES = {2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 7: "UNKNOWN", 8: "REJECTD"}
_FINAL = {"DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "REJECTD"}
# Whether the number is at fault cannot be learnt from SMPP: its error codes differ by network. An expired message may reach
# her another day; a rejected one would be rejected again.
_PERMANENT = {"REJECTD"}


@dataclass(frozen=True, slots=True)
class Told:
    """A final word about the message of this `reference`; `at` only where the message centre's time zone is known."""

    reference: str
    delivery: Delivery
    code: str
    permanent: bool
    at: datetime | None


def read(text: str, *, reference: str = "", state: int | None = None, zone: tzinfo | None = None) -> Told | None:
    """What a receipt says; `reference` and `state` are its parameters, where it has them. None: nothing final, or no receipt."""
    fields = {name.lower(): value for name, value in _FIELD.findall(text)}
    reference = reference or fields.get("id", "")
    word = _STATES.get(state or 0, "") or fields.get("stat", "").upper()[:7]
    if not reference or word not in _FINAL:
        return None
    error = re.sub(r"\W", "", fields.get("err", ""))[:20]
    return Told(
        reference,
        Delivery.DELIVERED if word == "DELIVRD" else Delivery.NOT_DELIVERED,
        f"smpp:{word}" + (f":{error}" if error.strip("0") else ""),
        word in _PERMANENT,
        _instant(fields.get("done date", ""), zone),
    )


def key(reference: str, spelt: str = "same") -> str:
    """A message id as it is compared: case and zeros before it do not count.

    `spelt`: how this centre's receipts write the id its answers gave: `same`, or `decimal` for an id that was hexadecimal, or
    `hexadecimal` for one that was decimal. Never guessed, for a wrong guess would credit one message with another's receipt.
    """
    bare = reference.strip().lower()
    try:
        if spelt == "decimal":
            bare = f"{int(bare):x}"
        elif spelt == "hexadecimal":
            bare = str(int(bare, 16))
    except ValueError:
        return bare
    return bare.lstrip("0") or "0"


def _instant(written: str, zone: tzinfo | None) -> datetime | None:
    """YYMMDDhhmm, with or without seconds."""
    if zone is None:
        return None
    try:
        return datetime.strptime(written.ljust(12, "0"), "%y%m%d%H%M%S").replace(tzinfo=zone)
    except ValueError:
        return None
