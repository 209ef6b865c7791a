"""How to reach one exchange and how to behave on it, as the bank's telephone people say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """Address, credentials and manners; plain values, as a file of settings has them. What lasts is in seconds, unless it says days.

    `url`: of ARI, https but for a loopback address. `endpoint`: what is dialled, `{number}` standing for the digits of the number with
    its country. `prompts`: the folder of recordings, and `prompts_there` the same folder as the exchange sees it. `recordings`: where
    recorded calls are kept, for `keep_days`: the longer of the two years of the Credit Card Measures (Art. 68) and the three of
    Regulation F (12 CFR 1006.100(b)). `at_once` calls at most, `per_second` begun; `abandon_ceiling`: see `pacing`. `machine_context` and
    `agent_context`: contexts of the dial plan that tell machines from people and that hand a call to colleagues; "" for none.
    """

    url: str
    user: str
    password: str = field(repr=False)
    endpoint: str
    prompts: Path
    recordings: Path
    prompts_there: str = ""
    app: str = "anhuan"
    caller: str = ""
    at_once: int = 10
    per_second: float = 1
    abandon_ceiling: float = 0.03
    ring_for: float = 30
    listen_for: float = 6
    tries: int = 2
    longest: float = 180
    begin_within: float = 120
    answer_within: float = 10
    keep_days: int = 1096
    machine_context: str = ""
    agent_context: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("url 应以 https:// 开头，因为通话涉及个人 / url begins with https://, for calls name people")
        if self.endpoint.count("{number}") != 1 or not re.fullmatch(r"[\w/@.:+;={}-]+", self.endpoint):
            raise ValueError("endpoint 应恰有一处 {number} / endpoint holds {number} once, as in PJSIP/{number}@trunk")
        if self.at_once < 1 or self.per_second <= 0 or self.tries < 1 or not 0 < self.abandon_ceiling <= 1:
            raise ValueError(
                "at_once 与 tries 至少为 1，per_second 大于 0，abandon_ceiling 大于 0 且不超过 1 / "
                "at_once and tries are at least 1, per_second is more than 0, abandon_ceiling a share up to 1"
            )
        if self.keep_days < 731:
            raise ValueError(
                "keep_days 至少为 731：催收录音须保存两年（信用卡办法第六十八条） / "
                "keep_days is at least 731: recordings of collection are kept for two years (Credit Card Measures, Art. 68)"
            )
