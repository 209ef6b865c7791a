"""A mail server of other people (aiosmtpd) in a process of its own, which does what the address it is sent to says.

`python mail_server.py CERTIFICATE KEY FOLDER [cut]` prints its port. Mails it takes are kept in FOLDER as they came, with the
envelope as their first line. `never@` is refused for good, `later@` for now, `full@` is over its quota, `silent@` is never
answered, `cut@` finds the line cut after the text came. STARTTLS and a login are required where a certificate is given.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

ANSWERS = {
    "never": "550 5.1.1 no such user",
    "later": "451 4.7.1 Greylisted, try again later",
    "full": "552 5.2.2 over quota",
    "blocked": "554 5.7.1 rejected by policy",
    "hangs-up": "421 4.3.2 closing",
}
numbers = count(1)


class Keeper:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        answer = ANSWERS.get(address.split("@")[0], "250 2.1.5 Ok")
        if answer[0] == "2":
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        name = envelope.rcpt_tos[0].split("@")[0]
        if name == "silent":
            await asyncio.sleep(60)
        head = json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None})
        (self.folder / f"{next(numbers):06}.eml").write_bytes(head.encode() + b"\n" + envelope.original_content)
        if name == "cut":
            server.transport.abort()
        if name == "content":
            return "550 5.7.1 content refused"
        return "250 2.0.0 Ok: queued"


def knows(server, session, envelope, mechanism, data) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"bank", b"correct")
    return AuthResult(success=right, handled=False)


async def main(certificate: str, key: str, folder: str) -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

    def line() -> SMTP:
        return SMTP(
            Keeper(Path(folder)), enable_SMTPUTF8=True, tls_context=context, require_starttls=context is not None, timeout=30,
            authenticator=knows, auth_required=context is not None, hostname="mx.example.com",
        )  # fmt: skip

    loop = asyncio.get_running_loop()
    server = await loop.create_server(line, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
