"""The embedded PostgreSQL under everything that happens to it: crowds, kills, long paths, strangers, other users."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from anhuan import embedded
from anhuan.embedded import Place, Server, StartFailed

HOLD = """
import json, sys
from anhuan.embedded import hold
server = hold(sys.argv[1])
print(json.dumps(server.parameters), flush=True)
sys.stdin.read()
"""


_ours: list[Server | Holder] = []  # let go after each test, however it ended


def hold(home: Path) -> Server:
    _ours.append(embedded.hold(home))
    return _ours[-1]


class Holder:
    """Another process that holds a home until it is told to let go, or killed."""

    def __init__(self, home: Path, *before: str) -> None:
        _ours.append(self)
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def parameters(self) -> dict[str, str]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the holder ended without a server"
        return json.loads(line)

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    release = kill


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped cluster to copy: making one takes ten times as long."""
    home = tmp_path_factory.mktemp("made") / "home"
    hold(home).release()
    assert stopped(home, within=30)
    return home


@pytest.fixture
def homes(tmp_path: Path, made_home: Path) -> Iterator[Callable[..., Path]]:
    """Makes homes, with a cluster or (`new`) without; a server that still runs over one at the end fails the test."""
    made: list[Path] = []

    def make(name: str = "home", *, new: bool = False) -> Path:
        made.append(tmp_path / name)
        if not new:
            shutil.copytree(made_home, made[-1])
        (made[-1] / "postgres").mkdir(parents=True, mode=0o700, exist_ok=True)
        made[-1].chmod(0o700)
        # Processes die in these tests, the machine does not: what was written is there although no disk was waited for.
        Place(made[-1]).local_settings.write_text("fsync = off\n")
        return made[-1]

    yield make
    while _ours:
        _ours.pop().release()
    for home in made:
        assert stopped(home, within=30), f"a server over {home.name} outlived its holders"
    shutil.rmtree(tmp_path, ignore_errors=True)


def keepers(home: Path) -> list[int]:
    wanted = ["keep", str(home)]
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[4:6] == wanted and process.status() != psutil.STATUS_ZOMBIE
    ]


def servers(home: Path) -> set[int]:
    return embedded._server_processes(Place(home).data)


def whose(pids: set[int]) -> set[int]:
    """The users of those processes that still live: a backend may end between being listed and being asked."""
    users = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            users.add(psutil.Process(pid).uids().real)
    return users


def stopped(home: Path, *, within: float) -> bool:
    return eventually(lambda: not servers(home) and not keepers(home), within=within)


def eventually(true: Callable[[], bool], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def remember(parameters: dict[str, str], word: str) -> None:
    with psycopg.connect(**parameters) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS word (word text)")
        connection.execute("INSERT INTO word VALUES (%s)", [word])


def remembered(parameters: dict[str, str]) -> list[str]:
    with psycopg.connect(**parameters) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM word ORDER BY word")]


def kill(*pids: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_home_without_anything_answers(homes):
    server = hold(homes(new=True))
    with psycopg.connect(**server.parameters) as connection:
        answer = connection.execute("SELECT current_user, current_database(), current_setting('server_encoding'), 'b' > 'Z'")
        assert answer.fetchone() == ("anhuan", "anhuan", "UTF8", True)
    server.release()


def test_eight_processes_at_once_on_a_new_home_share_one_server(homes):
    home = homes(new=True)
    holders = [Holder(home) for _ in range(8)]
    answers = [holder.parameters() for holder in holders]
    assert len({json.dumps(answer) for answer in answers}) == 1
    assert len(keepers(home)) == 1
    for number, answer in enumerate(answers):
        remember(answer, str(number))
    for holder in holders[1:]:
        holder.let_go()
    assert remembered(answers[0]) == list("01234567"), "the server must live as long as its last holder"
    holders[0].let_go()
    assert stopped(home, within=30)


def test_the_last_holder_killed_stops_the_server(homes):
    home = homes()
    holder = Holder(home)
    remember(holder.parameters(), "kept")
    holder.kill()
    assert stopped(home, within=30)
    assert "stopped by SIGINT" in Place(home).keeper_log.read_text()
    assert not (Place(home).data / "postmaster.pid").exists(), "it was stopped cleanly"


def test_a_killed_keeper_takes_the_server_down_and_the_next_holder_brings_it_back(homes):
    home = homes()
    first = Holder(home)
    remember(first.parameters(), "kept")
    kill(*keepers(home))
    second = Holder(home)
    assert remembered(second.parameters()) == ["kept"]
    assert len(keepers(home)) == 1
    first.let_go()
    second.let_go()


def test_a_holder_who_asks_again_heals_a_server_whose_keeper_was_killed(homes):
    server = hold(homes())
    remember(server.parameters, "kept")
    kill(*keepers(server.place.home))
    assert eventually(lambda: not servers(server.place.home), within=30), "the server must not outlive its keeper"
    server.ensure()
    assert remembered(server.parameters) == ["kept"]
    server.release()


def test_everything_killed_at_once_loses_nothing_committed(homes):
    home = homes()
    holder = Holder(home)
    parameters = holder.parameters()
    remember(parameters, "kept")
    busy = psycopg.connect(**parameters)
    busy.execute("INSERT INTO word VALUES ('not committed')")
    kill(*keepers(home), *servers(home))
    holder.kill()
    busy.close()
    again = Holder(home)
    assert remembered(again.parameters()) == ["kept"]
    again.let_go()


def test_orphans_deep_in_a_statement_do_not_hinder_the_next_server(homes):
    home = homes()
    holder = Holder(home)
    parameters = holder.parameters()
    remember(parameters, "kept")
    code = "import json, psycopg, sys\npsycopg.connect(**json.loads(sys.argv[1])).execute(sys.argv[2])"
    statement = "SELECT count(*) FROM generate_series(1, 10000000000)"
    busy = subprocess.Popen([sys.executable, "-c", code, json.dumps(parameters), statement], stderr=subprocess.DEVNULL)
    with psycopg.connect(**parameters, autocommit=True) as watch:
        running = f"SELECT count(*) FROM pg_stat_activity WHERE query = '{statement}' AND state = 'active'"
        assert eventually(lambda: watch.execute(running).fetchone() == (1,), within=30)
    postmaster, _ = Place(home).status()
    kill(*keepers(home), postmaster)
    holder.kill()
    again = Holder(home)
    assert remembered(again.parameters()) == ["kept"]
    busy.wait(30)
    again.let_go()


def test_a_crashed_server_is_started_again_under_the_same_holder(homes):
    server = hold(homes())
    remember(server.parameters, "kept")
    postmaster, _ = server.place.status()
    kill(postmaster)
    assert eventually(lambda: server.place.status()[0] not in {0, postmaster}, within=20)
    server.ensure()
    assert remembered(server.parameters) == ["kept"]
    server.release()


def test_holding_and_letting_go_in_a_crowd_never_leaves_anyone_without_a_server(homes):
    home = homes(new=True)
    code = (
        "import sys, psycopg\nfrom anhuan.embedded import hold\nfor _ in range(6):\n    server = hold(sys.argv[1])\n"
        "    psycopg.connect(**server.parameters).close()\n    server.release()\n"
    )
    crowd = [subprocess.Popen([sys.executable, "-c", code, str(home)]) for _ in range(4)]
    assert [process.wait(120) for process in crowd] == [0, 0, 0, 0]


def test_a_home_with_a_path_longer_than_any_socket_address(homes):
    home = homes("安" * 30 + "x" * 130)
    assert len(os.fsencode(home)) >= 200
    holder = Holder(home)
    holder.parameters()
    server = hold(home)
    remember(server.parameters, "kept")
    assert remembered(server.parameters) == ["kept"]
    child = os.fork()
    if child == 0:  # forks, such as the workers of a site, use the claim they inherit
        try:
            os._exit(0 if remembered(server.parameters) == ["kept"] else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    holder.let_go()
    server.release()


def test_two_homes_never_touch(homes):
    first, second = hold(homes("first")), hold(homes("second", new=True))
    remember(first.parameters, "first")
    remember(second.parameters, "second")
    assert (remembered(first.parameters), remembered(second.parameters)) == (["first"], ["second"])
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(**{**first.parameters, "password": second.parameters["password"]})
    first.release()
    assert stopped(first.place.home, within=30)
    assert remembered(second.parameters) == ["second"]
    second.release()


def test_nobody_else_may_enter(homes, tmp_path):
    tmp_path.chmod(0o755)
    home = homes(new=True)
    shutil.rmtree(home)  # whatever made it: now the product makes it
    server = hold(home)
    place = server.place
    for folder in (place.home, place.base, place.data, place.socket, place.password_file.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    readable = [path for path in place.home.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert readable == []
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755, "folders above the home stay as they were"
    for change in ({"password": "guess"}, {"user": "postgres"}, {"user": "nobody"}):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(**{**server.parameters, **change})
    with psycopg.connect(**server.parameters) as connection:
        row = connection.execute("SELECT rolsuper, rolreplication FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (False, False)
    postmaster = psutil.Process(place.status()[0])
    assert [end for end in postmaster.net_connections("inet") if end.status == psutil.CONN_LISTEN] == []
    server.release()


def test_the_log_never_quotes_a_row(homes):
    server = hold(homes())
    with psycopg.connect(**server.parameters, autocommit=True) as connection:
        connection.execute("CREATE TABLE person (phone text PRIMARY KEY, age int)")
        connection.execute("INSERT INTO person VALUES ('13800138000', 1)")
        for statement in ("INSERT INTO person VALUES ('13800138000', 2)", "INSERT INTO person VALUES ('x', 'of 13800138000')"):
            with pytest.raises(psycopg.DatabaseError, match="13800138000"):
                connection.execute(statement)
    server.release()
    assert stopped(server.place.home, within=30)
    assert "13800138000" not in server.place.server_log.read_text() + server.place.keeper_log.read_text()


def test_a_left_over_process_number_that_belongs_to_somebody_else_does_not_stop_the_start(homes):
    home = homes()
    stranger = subprocess.Popen(["sleep", "60"])
    (Place(home).data / "postmaster.pid").write_text(f"{stranger.pid}\n{Place(home).data}\n1\n5432\n../socket\n\n\nready\n")
    (Place(home).socket / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n{Place(home).data}\n1\n5432\n../socket\n")
    try:
        hold(home).release()
        assert stranger.poll() is None, "a stranger's process must be left alone"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_lost_password_is_made_anew(homes):
    server = hold(homes())
    remember(server.parameters, "kept")
    former = server.parameters["password"]
    server.release()
    assert stopped(server.place.home, within=30)
    server.place.password_file.unlink()
    server = hold(server.place.home)
    assert server.parameters["password"] != former
    assert remembered(server.parameters) == ["kept"]
    server.release()


def test_a_start_killed_half_way_leaves_nothing_half_made(homes):
    home = homes(new=True)
    holder = Holder(home)
    assert eventually(lambda: bool(list(Place(home).base.glob("data.*/base"))), within=20)
    kill(*keepers(home))
    holder.kill()
    again = Holder(home)
    remember(again.parameters(), "kept")
    again.let_go()

    def only_the_whole_one_is_left() -> bool:
        """What the killed start was making outlives it for a moment, and may write on; a later start clears it away."""
        Holder(home).let_go()
        return sorted(path.name for path in Place(home).base.glob("data*")) == ["data"]

    assert eventually(only_the_whole_one_is_left, within=30)


def test_a_removed_home_ends_its_server(homes):
    home = homes()
    server = hold(home)
    shutil.rmtree(home)
    assert stopped(home, within=30)
    server.release()


def test_a_server_that_cannot_start_says_why(homes):
    home = homes()
    Place(home).local_settings.write_text("shared_buffers = 'plenty'\n")
    began = time.monotonic()
    with pytest.raises(StartFailed, match="plenty") as failure:
        hold(home)
    assert time.monotonic() - began < 45
    assert "没有启动" in failure.value.zh
    assert "did not start" in failure.value.en


def test_settings_of_the_installation_have_the_last_word(homes):
    home = homes()
    Place(home).local_settings.write_text("fsync = off\nwork_mem = '7MB'\n")
    server = hold(home)
    with psycopg.connect(**server.parameters) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
    server.release()


def test_a_cluster_of_another_release_is_refused(homes):
    home = homes()
    (Place(home).data / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartFailed, match="PostgreSQL 17"):
        hold(home)


def test_a_home_that_cannot_be_made_is_a_sentence_not_a_trace(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartFailed, match="Cannot use"):
        hold(tmp_path / "file" / "home")


def test_memory_follows_the_machine():
    small, large = embedded.configuration(1 << 30, 1), embedded.configuration(24 << 30, 2)
    assert "shared_buffers = 64MB" in small
    assert "work_mem = 8MB" in small
    assert "shared_buffers = 512MB" in large
    assert "work_mem = 48MB" in large


# --- As other users than the one who runs the tests --------------------------------------------------------------

# Inside a user namespace, root is root as programs see it, while the machine's own users stay untouched.
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare to play other users"
)


@as_root
def test_an_ordinary_user_runs_the_server_as_herself(homes, tmp_path):
    home = homes()
    holder = Holder(home, "unshare", "--user", "--map-user=1", "--map-group=1")
    remember(holder.parameters(), "kept")
    assert "the server runs as ourselves\n" in Place(home).keeper_log.read_text()
    holder.let_go()


@as_root
def test_a_user_without_a_name_runs_the_server_in_a_namespace(homes):
    home = homes(new=True)
    holder = Holder(home, "unshare", "--user", "--map-user=54321", "--map-group=54321")
    remember(holder.parameters(), "kept")
    assert "the server runs as ourselves, in a namespace\n" in Place(home).keeper_log.read_text()
    holder.let_go()


# Becomes a root who may make no further namespaces, on a machine that knows one more system user.
WITHOUT_NAMESPACES = """
import ctypes, os, pathlib, sys
passwd, *command = sys.argv[1:]
go, child = os.pipe(), os.fork()
if child == 0:
    libc = ctypes.CDLL(None)
    assert libc.unshare(0x10000000 | 0x20000) == 0  # user and mounts
    os.write(go[1], b"x")
    while open("/proc/self/uid_map").read() == "":
        pass
    assert libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) == 0  # recursively private
    assert libc.mount(passwd.encode(), b"/etc/passwd", None, 0x1000, None) == 0  # bind
    pathlib.Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.execv(command[0], command)
os.read(go[0], 1)
for kind in ("gid", "uid"):
    pathlib.Path(f"/proc/{child}/{kind}_map").write_text("0 0 65536")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@as_root
def test_root_without_namespaces_runs_the_server_as_a_system_user(homes, tmp_path):
    home = homes(new=True)
    tmp_path.chmod(0o700)
    passwd = tmp_path / "passwd"
    passwd.write_text(Path("/etc/passwd").read_text() + "anhuan:x:61234:61234::/nonexistent:/usr/sbin/nologin\n")
    holder = Holder(home, sys.executable, "-c", WITHOUT_NAMESPACES, str(passwd))
    remember(holder.parameters(), "kept")
    assert "the server runs as user 61234\n" in Place(home).keeper_log.read_text()
    assert whose(servers(home)) == {61234}
    assert (stat.S_IMODE(home.stat().st_mode), home.stat().st_uid) == (0o700, 0), "no folder above the cluster changed"
    holder.let_go()
    assert stopped(home, within=30)
    server = hold(home)
    assert remembered(server.parameters) == ["kept"], "whose cluster it is runs it, also when namespaces are allowed again"
    server.release()


@pytest.mark.slow
def test_twenty_rounds_of_kills_at_random_moments_lose_nothing_committed(homes):
    home, chance, written = homes(), random.Random(7), []
    for turn in range(20):
        holders = [Holder(home) for _ in range(chance.randint(1, 3))]
        parameters = holders[0].parameters()
        for step in range(chance.randint(1, 5)):
            written.append(f"{turn:02}-{step}")
            remember(parameters, written[-1])
        time.sleep(chance.random() * 0.3)
        victims = [*keepers(home), *servers(home), *(holder.process.pid for holder in holders)]
        kill(*chance.sample(victims, chance.randint(1, len(victims))))
        time.sleep(chance.random() * 0.3)
        for holder in holders:
            holder.kill()
    last = Holder(home)
    assert remembered(last.parameters()) == written
