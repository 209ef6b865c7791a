"""Which transport carries which channel, as a bank's `channels.yaml` says; without that file nothing leaves the house.

Knows how each transport is built and listened to. What is not named in the file is carried by the sandbox, a folder of the
home: a fresh installation can contact nobody. Secrets stand in files of their own, named by keys that end in `_file`; keys that end
in `_folder` name folders of the home.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from anhuan.channels.email.envelope import Envelope
from anhuan.channels.sandbox.transport import Sandbox
from anhuan.channels.transport import Inbound, Receipt, Transport
from anhuan.core.vocabulary import Channel, Direction, LineResult, Outcome
from anhuan.records.contact import Contact

logger = logging.getLogger(__name__)

FILE = "channels.yaml"
SANDBOX = "sandbox"


class ChannelsRefused(Exception):
    """The file of channels cannot be used; says where and why, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


Clock = Callable[[], datetime]
Maker = Callable[[Mapping[str, Any], Clock], Transport]


def _smpp(told: Mapping[str, Any], _clock: Clock) -> Transport:
    from anhuan.channels.sms.route import Route
    from anhuan.channels.sms.transport import Smpp

    return Smpp(Route(**told))


def _gateway(told: Mapping[str, Any], clock: Clock) -> Transport:
    from anhuan.channels.gateway.transport import Account, Gateway

    return Gateway(Account(**told), clock=clock)


def _smtp(told: Mapping[str, Any], _clock: Clock) -> Transport:
    from anhuan.channels.email.server import Server
    from anhuan.channels.email.transport import Smtp

    return Smtp(Server(**told))


def _print_house(told: Mapping[str, Any], clock: Clock) -> Transport:
    from anhuan.channels.letter.press import NoFace
    from anhuan.channels.letter.sheet import letterhead
    from anhuan.channels.letter.transport import PrintHouse

    rest = dict(told)
    head, fonts = letterhead(rest.pop("letterhead"), name="letterhead_file"), rest.pop("fonts", None)
    try:
        return PrintHouse(rest.pop("spool"), head, clock=clock, fonts=[fonts] if fonts else None, **rest)
    except NoFace as absent:
        raise ChannelsRefused(absent.zh, absent.en) from None


def _ari(told: Mapping[str, Any], clock: Clock) -> Transport:
    from anhuan.channels.voice.exchange import Exchange
    from anhuan.channels.voice.pacing import Tally
    from anhuan.channels.voice.transport import Voice

    def calls_of_thirty_days() -> Tally:
        recent = Contact.objects.filter(
            channel=Channel.CALL, direction=Direction.OUTBOUND, automated=True, line_result=LineResult.CONNECTED,
            started_at__gte=clock() - timedelta(days=30),
        )  # fmt: skip
        return Tally(recent.count(), recent.filter(outcome=Outcome.DROPPED).count())

    try:
        return Voice(Exchange(**told), clock=clock, before=calls_of_thirty_days)
    except (ValueError, TypeError) as unfit:
        raise ChannelsRefused(f"{FILE} 的 call 不能使用：{unfit}", f"{FILE}: call cannot be used: {unfit}") from None


_MAKERS: Mapping[tuple[Channel, str], Maker] = MappingProxyType(
    {
        (Channel.SMS, "smpp"): _smpp, (Channel.SMS, "gateway"): _gateway, (Channel.EMAIL, "smtp"): _smtp,
        (Channel.LETTER, "print_house"): _print_house, (Channel.VISIT, "print_house"): _print_house,
        (Channel.CALL, "ari"): _ari,
    }
)  # fmt: skip


@dataclass
class Carriers:
    """The transports of one process, each opened when it is first needed, all listened to by the same ears."""

    home: Path
    clock: Clock
    on_receipt: Callable[[Receipt], None]
    on_inbound: Callable[[Inbound], None]
    _told: Mapping[Channel, tuple[str, Mapping[str, Any]]] = field(init=False)
    _open: dict[str, Transport] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._told = read(self.home)

    def of(self, channel: Channel) -> Transport:
        """The open transport of a channel."""
        name, told = self._told.get(channel, (SANDBOX, {}))
        key = SANDBOX if name == SANDBOX else channel.value
        if key not in self._open:
            carrier = self._sandbox() if name == SANDBOX else self._made(channel, name, told)
            if name != SANDBOX:
                logger.warning("%s goes to real people: it is carried by %s", channel.value, name)
            carrier.listen(self.on_receipt, self.on_inbound)
            carrier.open()
            self._open[key] = carrier
        return self._open[key]

    def _made(self, channel: Channel, name: str, told: Mapping[str, Any]) -> Transport:
        """A real transport, or ChannelsRefused where it is told what it cannot use."""
        try:
            return _MAKERS[channel, name](told, self.clock)
        except (ValueError, TypeError, KeyError, OSError) as wrong:
            file = self.home / FILE
            raise ChannelsRefused(
                f"{file}：{channel.value}（{name}）无法使用：{wrong}",
                f"{file}: {channel.value} ({name}) cannot be used: {wrong}",
            ) from None

    def _sandbox(self) -> Transport:
        return Sandbox(self.home / SANDBOX, clock=self.clock)

    def real(self) -> dict[str, str]:
        """Channels that reach real people, with the name of their transport."""
        return {channel.value: name for channel, (name, _) in self._told.items() if name != SANDBOX}

    def health(self) -> Iterator[tuple[str, Any]]:
        for name, carrier in self._open.items():
            yield name, carrier.health()

    def asking(self) -> Iterator[tuple[Channel, Transport]]:
        """The open transports whose other side can be asked what became of a message, with the channel each carries."""
        for name, carrier in self._open.items():
            if carrier.asks:
                yield Channel(name), carrier

    def close(self) -> None:
        for carrier in self._open.values():
            carrier.close()
        self._open.clear()


def read(home: Path) -> dict[Channel, tuple[str, Mapping[str, Any]]]:
    """By channel, the transport `channels.yaml` names and what it is told. Raises ChannelsRefused."""
    file = home / FILE
    if not file.exists():
        return {}
    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        return {Channel(name): _entry(Channel(name), each, home) for name, each in told.items()}
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OSError) as wrong:
        known = ", ".join(sorted({f"{channel.value}: {name}" for channel, name in _MAKERS}))
        raise ChannelsRefused(
            f"{file} 应写作“渠道: {{transport: 名称, …}}”，名称为 sandbox 或 {known}：{wrong}",
            f"{file} is written `channel: {{transport: NAME, …}}`, the name sandbox or one of {known}: {wrong}",
        ) from None


def return_addresses(home: Path) -> Envelope | None:
    """The return addresses and unsubscribe links of our mails; None where no mail server is named."""
    name, told = read(home).get(Channel.EMAIL, (SANDBOX, {}))
    return Envelope(told["return_domain"], told["return_secret"]) if name == "smtp" else None


def _entry(channel: Channel, told: Mapping[str, Any], home: Path) -> tuple[str, Mapping[str, Any]]:
    rest = dict(told)
    name = rest.pop("transport")
    if name == SANDBOX:
        return name, {}
    if (channel, name) not in _MAKERS:
        raise ValueError(f"{channel.value} has no transport {name!r}")
    for key in [key for key in rest if key.endswith("_file")]:
        rest[key.removesuffix("_file")] = (home / rest.pop(key)).read_text(encoding="utf-8").strip()
    for key in [key for key in rest if key.endswith("_folder")]:
        rest[key.removesuffix("_folder")] = home / rest.pop(key)
    return name, rest
