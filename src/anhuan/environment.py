"""The few settings, read from the environment, checked and typed.

Knows every setting (`SETTINGS` is the one list; `docs/reference/settings.md` is generated from it), what each may be, what
production refuses, and how a secret is made. Does not know Django: what that is told stands in `settings`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from anhuan import embedded

# Stands in every secret we generate for ourselves. Production refuses it.
MARK = "generated-for-development"


class SettingsRefused(embedded.StartFailed):
    """The settings cannot be used; `zh` and `en` say which and why. The start ends here."""


# --- How each value is read -------------------------------------------------------------------------------------


def _folder(text: str) -> Path:
    return Path(text).absolute()


def _yes_or_no(text: str) -> bool:
    answers = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
    if text.lower() not in answers:
        raise SettingsRefused("应为 1 或 0。", "must be 1 or 0.")
    return answers[text.lower()]


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(host.strip() for host in text.split(",") if host.strip())


def _database(text: str) -> dict[str, str]:
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.ProgrammingError as error:
        # The text holds a password: say what is wrong with it, never the text.
        raise SettingsRefused("不是 libpq 能读的地址。", "is not an address libpq can read.") from error
    if not parts.get("dbname"):
        raise SettingsRefused("没有写数据库名。", "names no database.")
    return parts


def _secret_key(text: str) -> str:
    if len(text) < 50:
        raise SettingsRefused("太短，至少 50 个字符。", "is too short: 50 characters or more.")
    return text


def keyring_of(text: str) -> dict[str, Any]:
    """The keyring as `records.identity` reads it: ids are decimal text, keys are 64 hex digits (256 bits)."""
    wrong = SettingsRefused(
        '应为 JSON：{"current": 1, "encryption": {"1": 64 位十六进制}, "blind": …, "fingerprint": …}。',
        'must be JSON: {"current": 1, "encryption": {"1": 64 hex digits}, "blind": …, "fingerprint": …}.',
    )
    try:
        ring = json.loads(text)
        keys = [ring["blind"], ring["fingerprint"], *ring["encryption"].values()]
        fit = all(re.fullmatch(r"[0-9a-f]{64}", key) for key in keys) and len(set(keys)) == len(keys)
        fit = (
            fit and str(ring["current"]) in ring["encryption"] and all(1 <= int(name) < 1 << 15 for name in ring["encryption"])
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        fit = False
    if not fit:
        raise wrong from None
    return dict(ring)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise SettingsRefused(
            "应为带时区偏移的时刻，如 2026-11-23T09:30:00+08:00。",
            "must be an instant with offset, such as 2026-11-23T09:30:00+08:00.",
        )
    return instant.astimezone(UTC)


def _second_factor(text: str) -> bool:
    answers = {"required": True, "optional": False}
    if text not in answers:
        raise SettingsRefused("应为 required 或 optional。", "must be required or optional.")
    return answers[text]


def _whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers from `least` to `most`."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise SettingsRefused(f"应为 {least} 到 {most} 的整数。", f"must be a whole number from {least} to {most}.")
        return int(text)

    return number


@dataclass(frozen=True)
class Setting:
    """One line of the reference: an environment variable, what stands without it, and what it means.

    `parse` raises `SettingsRefused` with the end of a sentence that begins with the variable's name.
    """

    name: str
    parse: Callable[[str], Any]
    default: Any
    shown: str
    zh: str
    en: str
    or_file: bool = False  # `<name>_FILE` may name a file that holds the value


SETTINGS = (
    Setting(
        "ANHUAN_HOME", _folder, Path("var").absolute(), "`./var`",
        "本安装写入的一切所在：内嵌数据库、快照、密钥。新建时权限为 0700。两个安装互不相干。",
        "Everything an installation writes: embedded database, snapshots, secrets. Made with mode 0700. Two homes never touch.",
    ),
    Setting(
        "DATABASE_URL", _database, None, "the embedded PostgreSQL",
        "改用任意 PostgreSQL（15 或更新），写法同 libpq。",
        "Any PostgreSQL ≥ 15 instead of the embedded one, as libpq spells it: `postgresql://user@host/name?sslmode=verify-full`.",
        or_file=True,
    ),
    Setting(
        "ANHUAN_PRODUCTION", _yes_or_no, False, "`0`",  # noqa: FBT003  A default, beside its name.
        "`1` 为生产模式：密钥必须给定，拒绝生成的密钥与移动过的时钟，只走 HTTPS。",
        "`1` is production: secrets must be given, generated ones and a moved clock refuse the start, HTTPS only.",
    ),
    Setting(
        "ANHUAN_ALLOWED_HOSTS", _hosts, ("localhost", "127.0.0.1", "[::1]"), "`localhost,127.0.0.1,[::1]`",
        "网站应答的主机名，逗号分隔。生产模式必填，且不接受 `*`。",
        "Host names the site answers to, separated by commas. Compulsory in production, where `*` is not taken.",
    ),
    Setting(
        "ANHUAN_SECRET_KEY", _secret_key, None, "generated into `secrets/secret_key`",
        "Django 的签名密钥，至少 50 个字符；`python -m anhuan.settings secret-key` 可生成。",
        "Django's signing key, 50 characters or more; `python -m anhuan.settings secret-key` makes one.",
        or_file=True,
    ),
    Setting(
        "ANHUAN_KEYRING", keyring_of, None, "generated into `secrets/keyring.json`",
        "个人信息的密钥环；`python -m anhuan.settings keyring` 可生成。丢失即永远无法解密。",
        "The keys of personal data; `python -m anhuan.settings keyring` makes them. Lost means unreadable for ever.",
        or_file=True,
    ),
    Setting(
        "ANHUAN_SECOND_FACTOR", _second_factor, None, "`required` in production, else `optional`",
        "`required`：可查看个人信息原文的角色登录时必须使用第二因素（验证器应用的六位码）；`optional`：由本人自行开启。",
        "`required`: roles that may see personal data in clear sign in with a second factor, the six digits of an authenticator"
        " app; `optional`: each person's own choice.",
    ),
    Setting(
        "ANHUAN_IDLE_MINUTES", _whole(1, 24 * 60), None, "`15` in production, else `240`",
        "多少分钟没有操作即自动退出登录，1 到 1440。",
        "So many minutes without a hand on it end a session, 1 to 1440.",
    ),
    Setting(
        "ANHUAN_SESSION_HOURS", _whole(1, 24), 12, "`12`",
        "一次登录最多持续多少小时，1 到 24，无论是否在操作。",
        "A session lasts at most so many hours, 1 to 24, whatever is done in it.",
    ),
    Setting(
        "ANHUAN_LOCK_OUT", _whole(3, 20), 5, "`5`",
        "同一用户从同一地址连续登录失败多少次即锁定十五分钟，3 到 20。",
        "So many failed sign-ins of one user from one address lock both out for a quarter of an hour, 3 to 20.",
    ),
    Setting(
        "ANHUAN_VIEWING_YEARS", _whole(3, 20), 5, "`5`",
        "查看个人信息的记录保存多少年，3 到 20；更早的才可清除。",
        "The record of who looked at whom is kept so many years, 3 to 20; only what is older may be cleared.",
    ),
    Setting(
        "ANHUAN_CLOCK", _instant, None, "the real time",
        "让时钟从某一时刻（带时区偏移）走起，仅供演示和测试；生产模式拒绝。",
        "Starts the clock at an instant (with offset), for demonstrations and tests only; production refuses it.",
    ),
    Setting(
        "ANHUAN_LANG", str, "", "`LC_ALL`, then `LANG`",
        "命令行的语言：`zh` 或 `en`。网页的语言由用户自己选。",
        "Language of the command line: `zh` or `en`. That of the pages is each person's own choice.",
    ),
    Setting(
        "DEMO_EXIT", _yes_or_no, False, "`0`",  # noqa: FBT003
        "`1`：演示网站应答后即结束（供自动检查）。",
        "`1`: the demonstration ends once its site has answered, for automatic checks.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What was set, checked and typed. None: nothing was given (generate it, use the embedded one, the real time)."""

    home: Path
    database: Mapping[str, str] | None
    production: bool
    allowed_hosts: tuple[str, ...]
    secret_key: str | None
    keyring: Mapping[str, Any] | None
    second_factor: bool | None
    idle_minutes: int | None
    session_hours: int
    lock_out: int
    viewing_years: int
    clock: datetime | None
    lang: str
    demo_exit: bool
    given: frozenset[str]


def read(environment: Mapping[str, str]) -> Settings:
    """Check and type the environment; `SettingsRefused` names everything that is wrong at once."""
    values: dict[str, Any] = {}
    given: set[str] = set()
    faults: list[tuple[str, str]] = []
    for setting in SETTINGS:
        field = setting.name.removeprefix("ANHUAN_").lower()
        values[field] = setting.default
        try:
            text = _text(setting, environment)
            if text is not None:
                values[field] = setting.parse(text)
                given.add(setting.name)
        except SettingsRefused as fault:
            faults.append((f"{setting.name} {fault.zh}", f"{setting.name} {fault.en}"))
    settings = Settings(database=values.pop("database_url"), given=frozenset(given), **values)
    if settings.production:
        faults += _unfit_for_production(settings)
    if faults:
        raise SettingsRefused("\n".join(zh for zh, _ in faults), "\n".join(en for _, en in faults))
    return settings


def _text(setting: Setting, environment: Mapping[str, str]) -> str | None:
    text, file = environment.get(setting.name), environment.get(f"{setting.name}_FILE") if setting.or_file else None
    if text and file:
        raise SettingsRefused(
            f"与 {setting.name}_FILE 同时给定，只能给一个。", f"and {setting.name}_FILE are both given; give one."
        )
    if not file:
        return text or None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__
        raise SettingsRefused(f"的文件 {file} 读不出（{why}）。", f"cannot be read from {file} ({why}).") from error


def _unfit_for_production(settings: Settings) -> list[tuple[str, str]]:
    """What a production installation must not start with."""
    faults = []
    for name, secret in (("ANHUAN_SECRET_KEY", settings.secret_key), ("ANHUAN_KEYRING", settings.keyring)):
        if secret is None:
            faults.append((f"生产模式必须给定 {name} 或 {name}_FILE。", f"Production needs {name} or {name}_FILE."))
        elif MARK in str(secret):
            faults.append(
                (
                    f"{name} 是为开发或演示生成的，生产模式拒绝。",
                    f"{name} was generated for development; production refuses it.",
                )
            )
    if "ANHUAN_ALLOWED_HOSTS" not in settings.given or "*" in settings.allowed_hosts:
        faults.append(
            ("生产模式必须在 ANHUAN_ALLOWED_HOSTS 写明主机名。", "Production needs host names in ANHUAN_ALLOWED_HOSTS.")
        )
    if settings.clock is not None:
        faults.append(("生产模式不得移动时钟（ANHUAN_CLOCK）。", "Production refuses a moved clock (ANHUAN_CLOCK)."))
    return faults


def reference() -> str:
    """The text of `docs/reference/settings.md`."""
    lines = [
        "# Settings · 设置",
        "",
        "Generated from `src/anhuan/environment.py` by `python -m anhuan.settings reference`. Everything is an environment",
        "variable; nothing has to be set. A value that cannot be used stops the start with a sentence that names it.",
        "",
        "由 `src/anhuan/environment.py` 生成。全部是环境变量，都可以不设；无法使用的值会让程序在启动时说明原因并停下。",
        "",
        "| variable · 变量 | without it · 默认 | meaning | 含义 |",
        "|---|---|---|---|",
    ]
    for setting in SETTINGS:
        names = f"`{setting.name}`" + (f" or `{setting.name}_FILE`" if setting.or_file else "")
        lines.append(f"| {names} | {setting.shown} | {setting.en} | {setting.zh} |")
    return "\n".join(lines) + "\n"


# --- Secrets ----------------------------------------------------------------------------------------------------


def new_secret_key() -> str:
    return secrets.token_urlsafe(64)


def new_keyring() -> dict[str, Any]:
    return {
        "current": 1,
        "encryption": {"1": secrets.token_hex(32)},
        "blind": secrets.token_hex(32),
        "fingerprint": secrets.token_hex(32),
    }
