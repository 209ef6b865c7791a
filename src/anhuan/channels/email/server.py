"""How to reach one mail server, and as whom, as an operator would write it down. Refuses what would be unsafe."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from anhuan.channels.email.envelope import Envelope

SECURITY = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Dkim:
    """A signing key (RSA, PEM), published in the DNS under `<selector>._domainkey.<domain>`."""

    domain: str
    selector: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        key = load_pem_private_key(self.key.encode(), None)
        if not isinstance(key, RSAPrivateKey) or key.key_size < 1024:
            raise ValueError("DKIM signs with an RSA key of at least 1024 bits, better 2048")


@dataclass(frozen=True, slots=True)
class Server:
    """Address, credentials and manners of one session.

    `sender`: what the From line says, `某某银行 <card@bank.example>`. `return_domain`: where bounces go, with `return_secret`
    that seals them. `unsubscribe`: an https address with `{token}` in it, that takes a one-click POST (RFC 8058). `dkim`: none
    only where the next server signs. `ca`: certificates to trust, PEM, instead of the system's. `per_second`: to one domain,
    0 for no limit; `domains`: other limits for some. Durations are seconds.
    """

    host: str
    sender: str
    return_domain: str
    return_secret: str = field(repr=False)
    unsubscribe: str
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)
    dkim_domain: str = ""
    dkim_selector: str = ""
    dkim_key: str = field(default="", repr=False)
    reply_to: str = ""
    helo: str = ""
    per_second: float = 0
    domains: Mapping[str, float] = field(default_factory=dict)
    connect_within: float = 15
    answer_within: float = 60
    final_within: float = 300
    reconnect_after: float = 5
    envelope: Envelope = field(init=False, repr=False)
    dkim: Dkim | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.security not in SECURITY:
            raise ValueError(f"security is one of: {', '.join(SECURITY)}")
        if self.user and self.security == "none":
            raise ValueError("a password is never sent in clear: security is starttls or tls")
        if "@" not in parseaddr(self.sender)[1] or re.search(r"[\r\n]", self.sender + self.reply_to):
            raise ValueError("sender takes a name and an address: 某某银行 <card@bank.example>")
        if not self.unsubscribe.startswith("https://") or "{token}" not in self.unsubscribe:
            raise ValueError("unsubscribe takes an https address with {token} in it")
        if any(limit < 0 for limit in (self.per_second, *self.domains.values())):
            raise ValueError("messages a second are 0, for no limit, or more")
        if any((self.dkim_domain, self.dkim_selector, self.dkim_key)) and not all(
            (self.dkim_domain, self.dkim_selector, self.dkim_key)
        ):
            raise ValueError("DKIM takes all three: dkim_domain, dkim_selector, dkim_key")
        object.__setattr__(self, "envelope", Envelope(self.return_domain, self.return_secret))
        signs = Dkim(self.dkim_domain, self.dkim_selector, self.dkim_key) if self.dkim_key else None
        object.__setattr__(self, "dkim", signs)

    def context(self) -> ssl.SSLContext:
        """TLS with the certificate and the name checked."""
        return ssl.create_default_context(cadata=self.ca or None)

    def pause(self, domain: str) -> float:
        """Seconds between two messages to a domain."""
        limit = self.domains.get(domain, self.per_second)
        return 1 / limit if limit else 0.0
