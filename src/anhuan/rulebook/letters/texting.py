"""How a text message is cut into the parts that are sent and paid for (3GPP TS 23.038 and 23.040).

Knows the alphabet of GSM and the lengths; knows no protocol. A text with one sign outside that alphabet goes as UCS-2.
"""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"
_LENGTHS = dict.fromkeys(_BASIC, 1) | dict.fromkeys(_EXTENDED, 2)
# One message holds so many units; one of several gives six octets to the header that says which it is.
_ONE, _OF_SEVERAL = {"gsm7": 160, "ucs2": 70}, {"gsm7": 153, "ucs2": 67}


@dataclass(frozen=True, slots=True)
class Cut:
    """`alphabet` "gsm7" or "ucs2", `units` used (septets, or UTF-16 code units), `parts`, and units `left` in the last part."""

    alphabet: str
    units: int
    parts: int
    left: int


def cut(text: str) -> Cut:
    """How many parts a text takes; a sign of two units is never cut through."""
    alphabet = "gsm7" if all(sign in _LENGTHS for sign in text) else "ucs2"
    lengths = [_LENGTHS[sign] if alphabet == "gsm7" else 1 + (ord(sign) > 0xFFFF) for sign in text]
    units = sum(lengths)
    if units <= _ONE[alphabet]:
        return Cut(alphabet, units, 1, _ONE[alphabet] - units)
    room, parts, used = _OF_SEVERAL[alphabet], 1, 0
    for length in lengths:
        if used + length > room:
            parts, used = parts + 1, 0
        used += length
    return Cut(alphabet, units, parts, room - used)
