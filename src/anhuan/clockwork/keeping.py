"""The keeper: every hour, on its own, destroys what is kept too long, looks at people too; joins acts and `channels.yaml`."""

from __future__ import annotations

from pathlib import Path

from django.db import connection, transaction

from anhuan import clock
from anhuan.acts import law, retention, viewing
from anhuan.acts.dispatch import carriers, telephone
from anhuan.acts.retention import Swept
from anhuan.core.vocabulary import Channel

_ONE_AT_A_TIME = 0x616E6B70
"""The advisory lock of whoever sweeps."""


def sweep(home: Path, *, by: str, dry_run: bool = False) -> Swept:
    """One sweep, unless another process is at it. Raises `carriers.ChannelsRefused`."""
    told = {channel: rest for channel, (_, rest) in carriers.read(home).items()}
    at = clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        if not cursor.fetchone()[0]:
            return Swept()
    if not dry_run:
        viewing.clear_old(at=at, by=by)
    desk = telephone.read(home)
    return retention.sweep(
        desk_recordings=desk.recordings if desk else None, recordings=told.get(Channel.CALL, {}).get("recordings"),
        spool=told.get(Channel.LETTER, {}).get("spool"), packs=law.in_force(at).packs, at=at, by=by, dry_run=dry_run,
    )  # fmt: skip
