"""The start, and what Django is told.

Knows where secrets come from and when to refuse the start; what may be set stands in `environment`. Importing this module
writes nothing; `start()` makes the home and its secrets, holds the database and sets Django up. Rooms never import it:
`records`, `acts` and the edges read `django.conf.settings`, all others take arguments.

With nothing set it runs: home `./var`, embedded PostgreSQL, generated secrets that are marked as such. With
`ANHUAN_PRODUCTION=1` secrets must be given, and what was generated or made for demonstrations refuses the start.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from anhuan import embedded
from anhuan.environment import MARK, SettingsRefused, keyring_of, new_keyring, new_secret_key, read, reference

if TYPE_CHECKING:
    from anhuan.embedded import Server


# --- Secrets ----------------------------------------------------------------------------------------------------


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
    _tell_django(ANHUAN_KEYRING=keyring_of(json.dumps(ring)))
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
        _tell_django(ANHUAN_KEYRING=keyring_of(text))


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
    "axes",
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
    "django.contrib.messages.middleware.MessageMiddleware",
    # Ends what has lasted too long, before any page is drawn in it.
    "anhuan.workbench.attendance.Attendance",
    # Every page asks for a login unless it says otherwise: forgetting a decorator shows nobody anything.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "anhuan.workbench.middleware.WrongMethod",
    "axes.middleware.AxesMiddleware",
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
        # A thread keeps its connection, which has planned its questions; one that the server dropped meanwhile is noticed and replaced.
        "CONN_MAX_AGE": 3600,
        "CONN_HEALTH_CHECKS": True,
    }
}

AUTH_USER_MODEL = "records.Staff"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# New passwords by the first; older ones are hashed afresh at the next sign-in.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# A name and an address are locked out together: who guesses from elsewhere keeps nobody from her desk.
AXES_FAILURE_LIMIT = SET.lock_out
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the sentence that says until when stays true
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # sign-ins are records of ours
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "csrfmiddlewaretoken"]
AXES_LOCKOUT_CALLABLE = "anhuan.workbench.login.locked_out"
AXES_CLIENT_IP_CALLABLE = "anhuan.workbench.attendance.address_of"
ANHUAN_SECOND_FACTOR = SET.production if SET.second_factor is None else SET.second_factor
ANHUAN_IDLE = timedelta(minutes=SET.idle_minutes or (15 if SET.production else 240))
ANHUAN_SESSION = timedelta(hours=SET.session_hours)
ANHUAN_VIEWING_YEARS = SET.viewing_years
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

SESSION_COOKIE_AGE = SET.session_hours * 3600
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
        # The lock-out's log would name who failed to sign in and from where; that stands in the database.
        "axes": {"handlers": [], "level": "CRITICAL", "propagate": False},
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
