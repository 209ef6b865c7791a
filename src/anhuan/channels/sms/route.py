"""How to reach one message centre, as its operator's contract says. Refuses what SMPP would cut off in silence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import tzinfo
from ssl import SSLContext, create_default_context
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Field sizes of SMPP 3.4 without their closing zero.
_SIZES = {"system_id": 15, "password": 8, "system_type": 12, "service_type": 5, "source": 20}


@dataclass(frozen=True, slots=True)
class Route:
    """Address, credentials and manners of one bind; plain values, as a file of settings has them.

    `source`: a number (`+8610…`), a short code, or a name of up to 11 letters. `per_second`: parts submitted, 0 for no limit.
    `valid_for`: seconds after which the message centre shall give up, so that a reminder does not arrive in the night; 0 leaves
    it to the operator. `zone`: the time zone of its receipts ("Asia/Shanghai"), "" when it was not told. `receipts_spell_ids`:
    see `receipts.key`. `tls`: with the system's authorities, or with those of the file `tls_authorities`; `tls_certificate` and
    `tls_key` are files to show of ourselves. What lasts is in seconds.
    """

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    source: str
    system_type: str = ""
    service_type: str = ""
    window: int = 50
    per_second: float = 0
    valid_for: float = 7200
    zone: str = ""
    receipts_spell_ids: str = "same"
    tls: bool = False
    tls_authorities: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    connect_within: float = 10
    answer_within: float = 30
    enquire_every: float = 30
    reconnect_after: float = 1
    reconnect_at_most: float = 60

    def __post_init__(self) -> None:
        for name, size in _SIZES.items():
            if len(getattr(self, name)) > size or not getattr(self, name).isascii():
                raise ValueError(f"{name} is longer than the {size} characters SMPP allows, or has other letters than ASCII")
        if self.receipts_spell_ids not in {"same", "decimal", "hexadecimal"}:
            raise ValueError("receipts_spell_ids is one of: same, decimal, hexadecimal")
        if self.window < 1 or self.per_second < 0:
            raise ValueError("window is at least 1, per_second at least 0")
        if self.valid_for and not 60 <= self.valid_for < 30 * 86400:
            raise ValueError("valid_for is 0, or lies between a minute and 30 days")
        try:
            _ = self.receipts_zone
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"zone: there is no time zone {self.zone!r}") from None

    @property
    def receipts_zone(self) -> tzinfo | None:
        return ZoneInfo(self.zone) if self.zone else None

    @property
    def context(self) -> SSLContext | None:
        """How TLS is made; None without it."""
        if not self.tls:
            return None
        context = create_default_context(cafile=self.tls_authorities or None)
        if self.tls_certificate:
            context.load_cert_chain(self.tls_certificate, self.tls_key or None)
        return context

    @property
    def sender(self) -> tuple[int, int, str]:
        """Type of number, numbering plan, and the address: international, short code or name."""
        if re.fullmatch(r"\+\d+", self.source):
            return 1, 1, self.source[1:]
        return (3, 0, self.source) if self.source.isdecimal() else (5, 0, self.source)

    @property
    def validity(self) -> str:
        """`valid_for` as SMPP writes a span of time (7.1.1.1); "" for the operator's own."""
        if not self.valid_for:
            return ""
        days, rest = divmod(int(self.valid_for), 86400)
        return f"0000{days:02d}{rest // 3600:02d}{rest // 60 % 60:02d}{rest % 60:02d}000R"
