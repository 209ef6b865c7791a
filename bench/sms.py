"""Text messages a second over one SMPP bind, with a receipt for each: `make bench NAME=sms ARGS="--messages 20000"`.

The other side is a message centre of the npm package `smpp` in its own process; a Chinese message of one part.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from threading import Event

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.channels.message_centre import MessageCentre
from tests.channels.permits import permit

from anhuan.channels.sms.route import Route
from anhuan.channels.sms.transport import Smpp
from anhuan.channels.transport import Delivery, Message, Receipt
from anhuan.core.vocabulary import Channel

TEXT = "您好，您尾号0000的信用卡本期账单已到期，请及时还款。如已还款请忽略。"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--window", type=int, default=50)
    asked = parser.parse_args()
    centre = MessageCentre(quiet=True)
    delivered: list[str] = []
    all_delivered = Event()

    def count(receipt: Receipt) -> None:
        delivered.append(receipt.attempt_id)
        if len(delivered) == asked.messages:
            all_delivered.set()

    batch = [(permit(Channel.SMS), Message("+8613000000001", TEXT)) for _ in range(asked.messages)]
    transport = Smpp(Route("127.0.0.1", centre.port, "bench", "secret", source="106900", window=asked.window))
    transport.listen(count)
    with transport:
        begun, worked = time.perf_counter(), time.process_time()
        taken = sum(receipt.delivery is Delivery.TAKEN for receipt in transport.send_many(batch))
        submitted = time.perf_counter() - begun
        all_delivered.wait(60)
        received, worked = time.perf_counter() - begun, time.process_time() - worked
    centre.stop()
    print(f"{taken} of {asked.messages} taken at window {asked.window}: {taken / submitted:,.0f} submissions a second")
    print(f"{len(set(delivered))} receipts: {len(delivered) / received:,.0f} messages a second with their receipts")
    print(
        f"{worked / asked.messages * 1e6:,.0f} µs of our own processor time a message; load of the machine {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
