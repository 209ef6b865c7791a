"""Messages a second from the outbox to their delivery receipts, end to end: `make bench NAME=channels ARGS="--messages 4000"`.

A home of its own under var/bench holds made-up customers and one campaign of texts. So many senders (`anhuan work`, real processes)
take it through the door, fill the bank's wording, keep what was said sealed, submit over SMPP to a message centre of the npm
package `smpp`, and settle both the answers and the delivery receipts. The clock runs from the first message taken up to the last
one delivered. A table goes to the terminal, JSON to bench/results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCRATCH, RESULTS = ROOT / "var" / "bench" / "channels", ROOT / "bench" / "results"
CLOCK = "2026-11-23T10:05:00+08:00"
GOAL = 500.0
sys.path.insert(0, str(ROOT))


def fill(messages: int) -> Any:
    """A fresh home with so many texts that are due; the campaign."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.environ |= {"ANHUAN_HOME": str(SCRATCH), "ANHUAN_CLOCK": CLOCK, "DJANGO_SETTINGS_MODULE": "anhuan.settings"}
    from anhuan import settings

    settings.start()
    from django.core.management import call_command
    from django.db import connection, transaction

    call_command("migrate", verbosity=0)
    from tests.flows import outgoing

    outgoing.in_force("overdue_gentle")
    with transaction.atomic():
        # To some numbers from 90 on the message centre answers badly, on purpose; none of those is asked here.
        numbers = [number for number in range(2 * messages) if number % 100 < 90][:messages]
        campaign = outgoing.night([outgoing.customer(number) for number in numbers])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return campaign


def send(messages: int, senders: int) -> dict[str, Any]:
    """Seconds until all are delivered, and the processor time of the senders."""
    from tests.channels.message_centre import MessageCentre

    campaign = fill(messages)
    from anhuan.records.outbox import ItemState, OutboxItem, counts

    centre = MessageCentre(quiet=True)
    told = {"sms": {"transport": "smpp", "host": "127.0.0.1", "port": centre.port, "system_id": "bench", "source": "106900"}}
    told["sms"]["password_file"] = "secrets/smpp"  # noqa: S105  a file's name
    (SCRATCH / "secrets" / "smpp").write_text("secret\n")
    (SCRATCH / "channels.yaml").write_text(json.dumps(told))
    command = [sys.executable, "-m", "anhuan", "work"]
    working = [
        subprocess.Popen(command, cwd=ROOT, stderr=(SCRATCH / f"sender-{number}.log").open("w")) for number in range(senders)
    ]
    waiting = OutboxItem.objects.filter(campaign=campaign, state=ItemState.WAITING)
    hurry = time.perf_counter() + 60
    while waiting.count() == messages and time.perf_counter() < hurry:
        time.sleep(0.02)  # the clock begins when the first message leaves, at most this late
    begun = time.perf_counter()
    while (became := counts([campaign])[campaign.pk]).get(ItemState.DELIVERED, 0) < messages:
        time.sleep(0.05)  # asked seldom, so that asking takes nothing from the senders
        if time.perf_counter() - begun > 120:
            break
    seconds = time.perf_counter() - begun
    for process in working:
        process.terminate()
    for process in working:
        process.wait()
    centre.stop()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "messages": messages,
        "senders": senders,
        "became": became,
        "seconds": seconds,
        "messages_per_second": became.get(ItemState.DELIVERED, 0) / seconds,
        "senders_cpu_milliseconds_a_message": (used.ru_utime + used.ru_stime) / messages * 1000,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=4000, help="at most 9000: the made-up numbers have four digits")
    parser.add_argument("--senders", type=int, default=2)
    asked = parser.parse_args()
    found = send(asked.messages, asked.senders)
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / f"channels-{time.strftime('%Y%m%dT%H%M%S')}.json"
    out.write_text(json.dumps({"python": platform.python_version(), "cores": os.cpu_count(), **found}, indent=1) + "\n")
    print(json.dumps(found, indent=1), f"goal: {GOAL:.0f} messages a second")
    print(out)


if __name__ == "__main__":
    main()
