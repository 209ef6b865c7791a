"""E-mail: mails a second, composed, signed, and sent over one session to a server in a process of its own.

make bench NAME=mail            # 2,000 mails, text and HTML in Chinese
make bench NAME=mail ARGS="--mails 5000"
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.channels.mails import report  # noqa: E402
from tests.channels.permits import permit  # noqa: E402
from tests.channels.test_email import Authority, running, server  # noqa: E402

from anhuan.channels.email import composing  # noqa: E402
from anhuan.channels.email.bounces import classify  # noqa: E402
from anhuan.channels.email.transport import Smtp  # noqa: E402
from anhuan.channels.transport import Delivery, Message  # noqa: E402
from anhuan.core.vocabulary import Channel  # noqa: E402

MESSAGE = Message(
    "zhang.san@example.com", "您好，您的信用卡本期账单已经到期，请及时还款。\n" * 12, "zh", "账单提醒：本期账单已到期",
    "<p>您好，您的信用卡本期账单已经到期，请及时还款。</p>" * 12,
)  # fmt: skip


def per_second(times: int, work: Callable[[int], object]) -> float:
    """By processor time, so that other work on the machine counts for little."""
    begin = time.process_time()
    for number in range(times):
        work(number)
    return times / (time.process_time() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=2000)
    mails = parser.parse_args().mails
    with tempfile.TemporaryDirectory() as place:
        authority = Authority(Path(place))
        told = server(587, authority)
        unsigned = replace(told, dkim_domain="", dkim_selector="", dkim_key="")
        at = permit(Channel.EMAIL).at

        def compose(by):
            return lambda number: composing.compose(MESSAGE, MESSAGE.to, attempt=f"a:{number}", server=by, at=at)

        found = {
            "mails": mails,
            "load_of_the_machine": os.getloadavg()[0],
            "composed_per_processor_second": per_second(mails, compose(unsigned)),
            "composed_and_signed_per_processor_second": per_second(mails, compose(told)),
            "bounces_classified_per_processor_second": per_second(
                500, lambda _: classify(report("550 5.1.1 no such user", "5.1.1"))
            ),
        }
        for name, by in (("sent", unsigned), ("sent_signed", told)):
            with running(Path(place) / name, *map(str, authority.files)) as port, Smtp(replace(by, port=port)) as transport:
                begin, spent = time.perf_counter(), time.process_time()
                receipts = list(transport.send_many((permit(Channel.EMAIL), MESSAGE) for _ in range(mails)))
                found[f"{name}_per_second"] = mails / (time.perf_counter() - begin)
                found[f"{name}_per_processor_second"] = mails / (time.process_time() - spent)
                if {receipt.delivery for receipt in receipts} != {Delivery.TAKEN}:
                    raise SystemExit("not every mail was taken")
    found = {name: round(value) for name, value in found.items()}
    print(json.dumps(found, indent=1))
    file = ROOT / "bench" / "results" / f"mail-{time.strftime('%Y%m%dT%H%M%S')}.json"
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(file, file=sys.stderr)


if __name__ == "__main__":
    main()
