"""Code 128, the barcode of letters: the bars of a short text of ASCII, as ISO/IEC 15417 has them.

Set B alone: letter ids are letters and digits. Knows no drawing; a bar is a number of modules, dark and light in turn.
"""

from __future__ import annotations

_START_B, _STOP = 104, "2331112"
# The widths of each value's three bars and three spaces, in the order of their values.
_WIDTHS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221223211221132"
    "221231213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321112313132113132311211313"
    "231113231311112133112331132131113123113321133121313121211331231131213113213311213131311123311321331121312113312311332111"
    "314111221411431111111224111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111"
    "111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113114311411113411311113141"
    "114131311141411131211412211214211232"
)  # fmt: skip
_SYMBOLS = [_WIDTHS[place : place + 6] for place in range(0, len(_WIDTHS), 6)]


def bars(text: str) -> list[int]:
    """The modules of each bar and space, beginning with a bar. ValueError for a sign beyond ASCII or none at all."""
    values = [ord(sign) - 32 for sign in text]
    if not values or any(not 0 <= value < 95 for value in values):
        raise ValueError("Code 128 B has the printable signs of ASCII")
    check = (_START_B + sum(place * value for place, value in enumerate(values, start=1))) % 103
    symbols = "".join(_SYMBOLS[value] for value in (_START_B, *values, check)) + _STOP
    return [int(width) for width in symbols]
