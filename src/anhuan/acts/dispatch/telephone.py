"""The collectors' telephones: the exchange that `telephone.yaml` of the home names, and how one of them is made to ring.

Without that file there is no softphone, and collectors dial by hand or through the bank's dialler. Like every way out it takes a permit;
to hear afterwards how a line ended, or to fetch what was recorded, takes none.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml

from anhuan.acts.dispatch.carriers import ChannelsRefused
from anhuan.channels.softphone.transport import RECORDED, Exchange, Line, OutOfReach, Softphone
from anhuan.channels.transport import Message, Receipt
from anhuan.core.gate import Permit

__all__ = ["RECORDED", "Exchange", "Line", "OutOfReach", "Softphone", "asked", "read", "ring"]

FILE = "telephone.yaml"


def read(home: Path) -> Exchange | None:
    """The exchange of a home; None where none is named. Raises ChannelsRefused. Its password stands in the file `password_file` names."""
    file = home / FILE
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return _read(file, found.st_mtime_ns)


@lru_cache(maxsize=4)
def _read(file: Path, _changed: int) -> Exchange:
    try:
        told = dict(yaml.safe_load(file.read_text(encoding="utf-8")))
        password = (file.parent / told.pop("password_file")).read_text(encoding="utf-8").strip()
        return Exchange(password=password, recordings=file.parent / told.pop("recordings_folder", "desk-calls"), **told)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, OSError) as wrong:
        raise ChannelsRefused(
            f"{file} 应有 url、user、password_file、context：{wrong}",
            f"{file} holds url, user, password_file and context: {wrong}",
        ) from None


def ring(home: Path, permit: Permit, extension: str, number: str, call: str) -> Receipt:
    """Let an extension ring, and the number be dialled once it is picked up; `call` is how we ask about it later."""
    telephone = asked(home)
    if telephone is None:
        raise LookupError("a softphone is rung only where one is set up")
    with telephone:
        return telephone.send(permit, Message(to=number, text="", details={"extension": extension, "call": call}))


def asked(home: Path) -> Softphone | None:
    """The exchange of a home, to be asked what became of a call."""
    exchange = read(home)
    return None if exchange is None else Softphone(exchange)
