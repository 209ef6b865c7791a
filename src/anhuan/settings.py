"""The few settings, read from the environment, and what Django is told.

Knows every setting (`SETTINGS` is the one list; `docs/reference/settings.md` is generated from it), where secrets
come from and when to refuse the start. Importing this module writes nothing; `start()` makes the home and its secrets,
holds the database and sets Django up. Rooms never import it: `records`, `acts` and the edges read
`django.conf.settings`, all others take arguments.

With nothing set it runs: home `./var`, embedded PostgreSQL, generated secrets that are marked as such. With
`ANHUAN_PRODUCTION=1` secrets must be given, and what was generated or made for demonstrations refuses the start.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from anhuan import embedded

if TYPE_CHECKING:
    from anhuan.embedded import Server

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


def _keyring(text: str) -> dict[str, Any]:
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
        "ANHUAN_KEYRING", _keyring, None, "generated into `secrets/keyring.json`",
        "个人信息的密钥环；`python -m anhuan.settings keyring` 可生成。丢失即永远无法解密。",
        "The keys of personal data; `python -m anhuan.settings keyring` makes them. Lost means unreadable for ever.",
        or_file=True,
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
        "Generated from `src/anhuan/settings.py` by `python -m anhuan.settings reference`. Everything is an environment",
        "variable; nothing has to be set. A value that cannot be used stops the start with a sentence that names it.",
        "",
        "由 `src/anhuan/settings.py` 生成。全部是环境变量，都可以不设；无法使用的值会让程序在启动时说明原因并停下。",
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


def add_encryption_key(home: Path) -> int:
    """Add a fresh encryption key to the home's own keyring, make it the current one, and return its id.

    A keyring that was given from outside is kept where it came from: its owner adds the key there, and this changes
    nothing but says which key is current.
    """
    if SET.keyring is not None:
        return int(SET.keyring["current"])
    ring = json.loads((home / "secrets" / "keyring.json").read_text())
    ring["current"] = max(int(name) for name in ring["encryption"]) + 1
    ring["encryption"][str(ring["current"])] = secrets.token_hex(32)
    _write_secret(home / "secrets" / "keyring.json", json.dumps(ring, indent=1))
    _tell_django(ANHUAN_KEYRING=_keyring(json.dumps(ring)))
    return int(ring["current"])


def _kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`, made on the first run. Two first runs at once agree on one of theirs."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        _write_secret(draft, make())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _write_secret(path: Path, text: str) -> None:
    """Replace a secret's file as a whole, on the disk before it counts, readable by its owner alone."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


# --- The start --------------------------------------------------------------------------------------------------

_server: Server | None = None


def start(*, database: bool = True) -> None:
    """Make home and secrets, hold the database for the life of this process, set Django up. Safe to repeat.

    `database=False` leaves the database for a later call. Raises `SettingsRefused`, `embedded.StartFailed`.
    """
    import django

    try:
        _make_home(SET.home)
    except OSError as error:
        zh, en = (
            f"ANHUAN_HOME：无法使用 {SET.home}（{error.strerror}）。",
            f"ANHUAN_HOME: cannot use {SET.home} ({error.strerror}).",
        )
        raise SettingsRefused(zh, en) from error
    if database:
        _hold_database()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", __name__)
    django.setup()


def _make_home(home: Path) -> None:
    """The home, and what secrets were not given."""
    for folder in (home, home / "secrets"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if SET.secret_key is None:
        _tell_django(SECRET_KEY=_kept_secret(home / "secrets" / "secret_key", lambda: f"{MARK}-{new_secret_key()}"))
    if SET.keyring is None:
        text = _kept_secret(home / "secrets" / "keyring.json", lambda: json.dumps({"origin": MARK, **new_keyring()}, indent=1))
        _tell_django(ANHUAN_KEYRING=_keyring(text))


def _hold_database() -> None:
    global _server  # noqa: PLW0603  The one thing a process has exactly one of: its claim on the server.
    if SET.database is not None:
        _check_database(SET.database)
    elif _server is None:
        _server = embedded.hold(SET.home)
        DATABASES["default"].update(_django_database(_server.parameters))
        from django.core.signals import request_started

        # A long-lived site heals by itself should the server's keeper ever be killed; this costs microseconds.
        request_started.connect(_ensure_server, dispatch_uid="anhuan.settings.ensure")


def _check_database(parameters: Mapping[str, str]) -> None:
    try:
        with psycopg.connect(make_conninfo(**{"connect_timeout": "10", **parameters})) as connection:
            version = connection.info.server_version // 10_000
    except psycopg.Error as error:
        raise SettingsRefused(f"DATABASE_URL：连不上。{error}", f"DATABASE_URL: no connection. {error}") from error
    if version < 15:
        raise SettingsRefused(
            f"DATABASE_URL：PostgreSQL {version} 太旧，需 15。", f"DATABASE_URL: PostgreSQL {version}; 15 is needed."
        )


def release() -> None:
    """Give up the database before the process ends; the last one to do so stops an embedded server."""
    global _server  # noqa: PLW0603
    if _server is not None:
        from django.db import connections

        connections.close_all()
        _server.release()
        _server = None


def _ensure_server(**_: object) -> None:
    if _server is not None:
        _server.ensure()


def _tell_django(**values: Any) -> None:
    """Set Django settings that are known only once the home exists, before or after Django has read the others."""
    from django.conf import settings as django_settings

    globals().update(values)
    if django_settings.configured:
        for name, value in values.items():
            setattr(django_settings, name, value)


def _django_database(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of libpq as Django spells them."""
    rest = dict(parameters)
    named = {
        "NAME": rest.pop("dbname"),
        "USER": rest.pop("user", ""),
        "PASSWORD": rest.pop("password", ""),
        "HOST": rest.pop("host", ""),
        "PORT": rest.pop("port", ""),
    }
    return {**named, "OPTIONS": {"application_name": "anhuan", **rest}}


class JsonLines(logging.Formatter):
    """One JSON object a line: when, how grave, who, what. Of an exception only its type and where it happened,

    for its words may quote a row, and a row is personal data. For the same reason requests keep their path, never
    their query.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["where"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line, ensure_ascii=False)


# --- What Django is told ----------------------------------------------------------------------------------------

SET = read(os.environ)

ANHUAN_HOME = SET.home
ANHUAN_PRODUCTION = SET.production
# Until `start()` has read the home, secrets that nothing can be encrypted with for long: they end with the process.
SECRET_KEY = SET.secret_key or new_secret_key()
ANHUAN_KEYRING: dict[str, Any] = dict(SET.keyring or new_keyring())

DEBUG = False  # never: its error pages show rows, and a row is personal data
ALLOWED_HOSTS = list(SET.allowed_hosts)
ROOT_URLCONF = "anhuan.urls"
WSGI_APPLICATION = "anhuan.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "procrastinate.contrib.django",
    "anhuan.records",
    "anhuan.inbound",
    "anhuan.workbench",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "anhuan.workbench.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Every page asks for a login unless it says otherwise: forgetting a decorator shows nobody anything.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "anhuan.workbench.frame.frame",
            ]
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        # The embedded server's true parameters are filled in by `start()`.
        **_django_database(SET.database or {"dbname": embedded.DATABASE, "host": "/nonexistent"}),
        # A thread keeps its connection for a while; one that the server dropped meanwhile is noticed and replaced.
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
    }
}

AUTH_USER_MODEL = "records.Staff"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 12},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

# The version stands in every address, so a browser may keep a file for ever and still sees the next release's.
STATIC_URL = f"/static/{metadata.version('anhuan')}/"
STATICFILES_DIRS: list[Path] = []
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_MAX_AGE = 31_536_000 if SET.production else 0

SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SET.production
SESSION_COOKIE_NAME = "__Host-anhuan-session" if SET.production else "anhuan-session"
CSRF_COOKIE_NAME = "__Host-anhuan-csrf" if SET.production else "anhuan-csrf"
LANGUAGE_COOKIE_NAME = "anhuan-language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if SET.production else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "anhuan.settings.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "root": {"handlers": ["stderr"], "level": "INFO" if SET.production else "WARNING"},
    "loggers": {
        # Django's own would e-mail whole requests to administrators, and its SQL log quotes values.
        "django": {"handlers": [], "level": "INFO" if SET.production else "WARNING", "propagate": True},
        "django.db.backends": {"handlers": [], "level": "WARNING", "propagate": False},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}


def main(arguments: list[str]) -> int:
    """`python -m anhuan.settings reference|secret-key|keyring`: print the reference, or a secret fit for production."""
    answers: dict[str, Callable[[], str]] = {
        "reference": lambda: reference().rstrip("\n"),
        "secret-key": new_secret_key,
        "keyring": lambda: json.dumps(new_keyring()),
    }
    if len(arguments) != 1 or arguments[0] not in answers:
        print(main.__doc__, file=sys.stderr)
        return 2
    print(answers[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
