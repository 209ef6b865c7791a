"""The address a mail comes back to, and the link that ends it: both carry the attempt and a seal nobody else can make.

Knows attempt ids and one secret. Does not know mails.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

_PLAIN = re.compile(r"[a-z0-9:-]{1,42}")
_LONGEST = 64 - len("bounce+") - 1
"""Letters before the @ are 64 at most (RFC 5321, 4.5.3.1.1)."""


class TooLong(ValueError):
    """The attempt's id does not fit into an address."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Return addresses at `domain`, sealed with `secret` (at least 16 letters, the same on all senders and readers)."""

    domain: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError("the secret of return addresses has at least 16 letters")

    def token(self, attempt: str) -> str:
        """The attempt with its seal, in letters that survive any mail system, which may change capitals. TooLong."""
        if _PLAIN.fullmatch(attempt):
            name = attempt.replace(":", "_")
        else:
            name = "=" + base64.b32encode(attempt.encode()).decode().rstrip("=").lower()
        token = f"{name}.{self._seal(name)}"
        if len(token) > _LONGEST:
            raise TooLong(f"an attempt's id of {len(attempt)} letters does not fit into a return address")
        return token

    def attempt(self, token: str) -> str | None:
        """The attempt a token names, or None when its seal is not ours."""
        name, _, seal = token.lower().rpartition(".")
        if not name or not hmac.compare_digest(seal.encode(), self._seal(name).encode()):
            return None
        if not name.startswith("="):
            return name.replace("_", ":")
        return base64.b32decode(name[1:].upper() + "=" * (-len(name[1:]) % 8)).decode()

    def sender(self, attempt: str) -> str:
        """The envelope sender of one attempt: `bounce+<attempt>.<seal>@domain` (variable envelope return path)."""
        return f"bounce+{self.token(attempt)}@{self.domain}"

    def returned(self, address: str) -> str | None:
        """The attempt whose mail came back to an address, or None when it is no return address of ours."""
        local, _, domain = address.strip(" <>").rpartition("@")
        if domain.lower() != self.domain.lower() or not local.lower().startswith("bounce+"):
            return None
        return self.attempt(local[len("bounce+") :])

    def _seal(self, name: str) -> str:
        digest = hmac.new(self.secret.encode(), name.encode(), hashlib.sha256).digest()
        return base64.b32encode(digest[:8]).decode().rstrip("=").lower()
