"""Real files, and what may become of them: a warning at most, and never a failed chat."""

import asyncio
import contextlib
import logging
import os
import random
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aisopod.policy.health import Failed, Health, Used
from aisopod.stores import SharedState
from aisopod.stores.sqlite import SqliteStore
from aisopod.stores.sqlite_file import WRITE_WAIT_SECONDS
from aisopod.stores.store import StoreBusyError, StoreError
from failover.conftest import OPENAI, World

KEYS = [f"key/{number}" for number in range(400)]
CANNOT = "the state store cannot be used"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def opened(file: Path) -> Iterator[Callable[[], SqliteStore]]:
    """Handles on the file, as of several processes."""
    made: list[SqliteStore] = []

    def make() -> SqliteStore:
        made.append(SqliteStore(file))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def retried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisopod.stores.shared.RETRY_SECONDS", (0.05,))


def filled(file: Path) -> None:
    """Many pages, all of them in the file itself."""
    store = SqliteStore(file)
    store.apply({key: [Used(at=5.0)] for key in KEYS})
    store.close()
    assert file.stat().st_size > 20_000


def content(file: Path) -> bytes:
    return file.read_bytes()


def removed(file: Path) -> None:
    for each in file.parent.glob("state.sqlite*"):
        each.unlink()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "aisopod.state"
        and record.levelno >= logging.WARNING
        # The ledger has a file of its own, beside this one, and its own warning.
        and "ledger" not in record.getMessage()
    ]


async def is_of_use(world: World, file: Path) -> None:
    """Whatever the file is: a dead key is found, passed over, and remembered meanwhile."""
    world.key("a").revoked = True
    client = world.client("a", "b", state=f"sqlite:{file}")
    responses = [await client.complete(OPENAI, "hi") for _ in range(4)]
    assert [response.text for response in responses] == ["fine"] * 4
    assert [attempt.profile for attempt in responses[-1].attempts] == ["openai:b"]
    await client.close()


async def remembered(world: World, file: Path) -> str:
    """Why the first key is out, by what another process finds in the file."""
    client = world.client("a", "b", state=f"sqlite:{file}")
    states = {state.profile: state for state in await client.profile_states("openai")}
    await client.close()
    return states["openai:a"].reason


# --- damage --------------------------------------------------------------------------------------


def random_bytes(file: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(30_000))


def few_random_bytes(file: Path) -> None:
    file.write_bytes(b"\x07\x01\xff")


def half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 + 100)


def only_the_header(file: Path) -> None:
    os.truncate(file, 100)


def pages_of_noise(file: Path) -> None:
    """The header is sound, so that only reading what is behind it shows the damage."""
    noise = random.Random(2).randbytes(file.stat().st_size - 4096)
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(noise)


DAMAGES = [random_bytes, few_random_bytes, half, only_the_header, pages_of_noise]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside(
    damage: Callable[[Path], None],
    file: Path,
    opened: Callable[[], SqliteStore],
    caplog: pytest.LogCaptureFixture,
) -> None:
    filled(file)
    damage(file)
    damaged = file.read_bytes()
    store = opened()
    assert store.read(KEYS).records == {}
    assert store.apply({"k": [Used(at=6.0)]}) == {"k": Health(last_used=6.0)}
    assert opened().read(["k"]).records == {"k": Health(last_used=6.0)}
    [aside] = file.parent.glob("*.damaged-*")
    assert aside.read_bytes() == damaged
    assert len(told(caplog)) == 1
    assert str(aside) in told(caplog)[0]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", DAMAGES)
def test_writing_alone_finds_the_damage_too(
    damage: Callable[[Path], None], file: Path, opened: Callable[[], SqliteStore]
) -> None:
    filled(file)
    damage(file)
    store = opened()
    store.apply({key: [Used(at=6.0)] for key in KEYS})
    assert store.read(KEYS).records == dict.fromkeys(KEYS, Health(last_used=6.0))


def test_an_empty_file_is_a_new_one(
    file: Path, opened: Callable[[], SqliteStore], caplog: pytest.LogCaptureFixture
) -> None:
    file.touch()
    assert opened().read(["k"]).records == {}
    opened().apply({"k": [Used(at=6.0)]})
    assert opened().read(["k"]).records == {"k": Health(last_used=6.0)}
    assert told(caplog) == []


def test_who_finds_the_damage_second_leaves_the_new_file(
    file: Path, opened: Callable[[], SqliteStore], caplog: pytest.LogCaptureFixture
) -> None:
    """Both have the damaged one open; the first has begun anew before the second notices."""
    filled(file)
    first, second = opened(), opened()
    for store in (first, second):
        store.apply({"k": [Used(at=6.0)]})
        assert store.read(["k"]).records
    # Nothing of it may stay in the log, which would be read instead.
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages_of_noise(file)
    for number, store in enumerate((first, second)):
        store.read(KEYS)
        store.apply({f"by/{number}": [Used(at=7.0)]})
    for store in (first, second, opened()):
        assert set(store.read(["by/0", "by/1"]).records) == {"by/0", "by/1"}
    assert len(list(file.parent.glob("*.damaged-*"))) == 1
    assert len(told(caplog)) == 1


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_under_a_running_client(
    damage: Callable[[Path], None], world: World, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(file)
    client = world.client("a", "b", state=f"sqlite:{file}")
    await client.complete(OPENAI, "hi")
    damage(file)
    world.key("a").revoked = True
    for _ in range(4):
        assert (await client.complete(OPENAI, "hi")).text == "fine"
    await client.close()
    assert sum(CANNOT in line for line in told(caplog)) <= 1


# --- what is no file at all ----------------------------------------------------------------------


def a_folder(file: Path) -> Path:
    file.mkdir()
    return file


def a_full_folder(file: Path) -> Path:
    (file / "kept").mkdir(parents=True)
    return file


def below_a_file(file: Path) -> Path:
    file.write_text("a file")
    return file / "folder" / "state.sqlite"


def where_nobody_may_write(_: Path) -> Path:
    """Not even root makes folders there."""
    return Path("/proc/aisopod/state.sqlite")


def a_dangling_link(file: Path) -> Path:
    file.symlink_to(file.parent / "nowhere" / "state.sqlite")
    return file


def of_a_newer_version(file: Path) -> Path:
    filled(file)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    return file


def of_somebody_else(file: Path) -> Path:
    """It says that it is of this version, and has other tables."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE health (a, b)")
        connection.execute(f"PRAGMA user_version = {len(SqliteStore.migrations)}")
    return file


OBSTACLES = [
    a_folder,
    a_full_folder,
    below_a_file,
    where_nobody_may_write,
    a_dangling_link,
    of_a_newer_version,
    of_somebody_else,
]


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_store_that_cannot_be_says_so(obstacle: Callable[[Path], Path], file: Path) -> None:
    path = obstacle(file)
    store = SqliteStore(path)
    for act in (
        lambda: store.read(["k"]),
        lambda: store.apply({"k": [Used(at=1.0)]}),
        lambda: store.apply({"k": [Used(at=1.0)]}, wait=False),
        store.scan,
    ):
        with pytest.raises(StoreError, match=r"sqlite:|version 99"):
            act()
    store.close()


@pytest.mark.usefixtures("retried_at_once")
@pytest.mark.parametrize("obstacle", OBSTACLES)
async def test_a_chat_goes_on_with_one_warning(
    obstacle: Callable[[Path], Path], world: World, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await is_of_use(world, obstacle(file))
    assert [CANNOT in line for line in told(caplog)] == [True]


async def test_the_file_of_a_newer_version_is_left_as_it_is(world: World, file: Path) -> None:
    """Whoever made it will come back to it."""
    of_a_newer_version(file)
    before = content(file)
    await is_of_use(world, file)
    assert content(file) == before


@pytest.mark.usefixtures("retried_at_once")
async def test_an_obstacle_that_goes_away(
    world: World, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a_folder(file)
    world.key("a").revoked = True
    client = world.client("a", "b", state=f"sqlite:{file}")
    await client.complete(OPENAI, "hi")
    os.rmdir(file)  # noqa: PTH106 - so is a blocking call of pathlib
    await asyncio.sleep(0.1)
    for _ in range(2):
        await client.complete(OPENAI, "hi")
    await client.close()
    assert [CANNOT in line for line in told(caplog)] == [True, False]
    assert "state is shared again" in told(caplog)[1]
    assert await remembered(world, file) == "auth"


async def test_a_file_that_is_removed_is_begun_anew(world: World, file: Path) -> None:
    client = world.client("a", "b", state=f"sqlite:{file}")
    await client.complete(OPENAI, "hi")
    removed(file)
    world.key("a").revoked = True
    for _ in range(2):
        assert (await client.complete(OPENAI, "hi")).text == "fine"
    await client.close()
    assert await remembered(world, file) == "auth"


# --- versions ------------------------------------------------------------------------------------

NEXT = (*SqliteStore.migrations, "CREATE INDEX by_time ON health (touched)")


def version_of(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("first", ["read", "write"])
def test_an_older_file_is_migrated(
    first: str,
    file: Path,
    opened: Callable[[], SqliteStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled(file)
    monkeypatch.setattr(SqliteStore, "migrations", NEXT)
    store = opened()
    if first == "write":
        store.apply({"k": [Used(at=6.0)]})
    assert store.read([KEYS[0]]).records == {KEYS[0]: Health(last_used=5.0)}
    assert version_of(file) == len(NEXT)


def test_several_who_migrate_at_once(
    file: Path, opened: Callable[[], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement fails where it was run already."""
    filled(file)
    monkeypatch.setattr(SqliteStore, "migrations", NEXT)
    stores = [opened() for _ in range(6)]
    barrier = threading.Barrier(len(stores))
    failures: list[Exception] = []

    def begin(store: SqliteStore) -> None:
        barrier.wait()
        try:
            store.read(KEYS)
            store.apply({"k": [Used(at=6.0)]})
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert version_of(file) == len(NEXT)


def test_a_migration_that_fails_changes_nothing(
    file: Path, opened: Callable[[], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(file)
    with monkeypatch.context() as patched:
        patched.setattr(SqliteStore, "migrations", (*NEXT, "no statement"))
        with pytest.raises(StoreError):
            opened().apply({"k": [Used(at=6.0)]})
        with pytest.raises(StoreError):
            opened().read(["k"])
    assert version_of(file) == 1
    assert opened().read([KEYS[0], "k"]).records == {KEYS[0]: Health(last_used=5.0)}


# --- a full disk ---------------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow beyond a few bytes, not even root's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("retried_at_once")
@pytest.mark.parametrize("begun", [True, False], ids=["in the middle", "from the start"])
async def test_a_full_disk_stops_no_chat(
    begun: bool, world: World, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = world.client("a", "b", state=f"sqlite:{file}")
    if begun:
        for _ in range(3):
            await client.complete(OPENAI, "hi")
    world.key("a").revoked = True
    with full_disk():
        for _ in range(4):
            assert (await client.complete(OPENAI, "hi")).text == "fine"
        # The trial behind the scenes must have met the full disk, too.
        await asyncio.sleep(0.1)
        assert (await client.complete(OPENAI, "hi")).text == "fine"
        await asyncio.sleep(0.1)
    assert sum(CANNOT in line for line in told(caplog)) == 1
    await client.complete(OPENAI, "hi")
    await client.close()
    assert await remembered(world, file) == "auth"


def test_a_full_disk_leaves_the_file_whole(file: Path, opened: Callable[[], SqliteStore]) -> None:
    filled(file)
    store = opened()
    store.read(KEYS)
    with full_disk():
        for wait in (True, False):
            with pytest.raises(StoreError):
                store.apply({key: [Used(at=9.0)] for key in KEYS}, wait=wait)
        assert store.read(KEYS).records == dict.fromkeys(KEYS, Health(last_used=5.0))
    store.apply({KEYS[0]: [Used(at=9.0)]})
    assert opened().read(KEYS[:1]).records == {KEYS[0]: Health(last_used=9.0)}
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# --- locks ---------------------------------------------------------------------------------------

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def locked_by_another(file: Path) -> Iterator[Callable[[], None]]:
    """Another process is writing, and does not end before it is told to."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process.stdin.close
        finally:
            process.stdin.close()
            process.wait(20)


def test_reading_waits_for_no_writer(file: Path, opened: Callable[[], SqliteStore]) -> None:
    filled(file)
    before = opened()
    before.read(["none"])
    with locked_by_another(file):
        began = time.monotonic()
        for store in (before, opened()):
            assert store.read(KEYS).records == dict.fromkeys(KEYS, Health(last_used=5.0))
            with pytest.raises(StoreBusyError):
                store.apply({"k": [Used(at=6.0)]}, wait=False)
        assert time.monotonic() - began < WRITE_WAIT_SECONDS / 2


def test_reading_waits_for_no_thread_that_waits(
    file: Path, opened: Callable[[], SqliteStore]
) -> None:
    """The thread that writes stands in the line of another process."""
    filled(file)
    store = opened()
    with locked_by_another(file) as unlock:
        thread = threading.Thread(target=lambda: store.apply({"k": [Used(at=6.0)]}))
        thread.start()
        time.sleep(0.2)
        began = time.monotonic()
        assert len(store.read(KEYS).records) == len(KEYS)
        assert time.monotonic() - began < WRITE_WAIT_SECONDS / 2
        unlock()
        thread.join()
    assert store.read(["k"]).records == {"k": Health(last_used=6.0)}


async def test_a_request_of_a_new_process_is_not_held_up(world: World, file: Path) -> None:
    filled(file)
    client = world.client("a", "b", state=f"sqlite:{file}")
    world.key("a").revoked = True
    with locked_by_another(file):
        began = time.monotonic()
        for _ in range(4):
            assert (await client.complete(OPENAI, "hi")).text == "fine"
        assert time.monotonic() - began < WRITE_WAIT_SECONDS / 2
    await client.close()
    assert await remembered(world, file) == "auth"


async def test_closing_is_not_held_up_either(world: World, file: Path) -> None:
    filled(file)
    client = world.client("a", "b", state=f"sqlite:{file}")
    world.key("a").revoked = True
    with locked_by_another(file):
        await client.complete(OPENAI, "hi")
        began = time.monotonic()
        await client.close()
        assert time.monotonic() - began < WRITE_WAIT_SECONDS
    # The thread that was left to it ends by itself, and still writes when its turn comes.
    deadline = time.monotonic() + 2 * WRITE_WAIT_SECONDS
    while await remembered(world, file) != "auth":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_probe_is_claimed_without_the_lock(file: Path) -> None:
    """Whoever cannot ask the others decides alone, after a short while."""
    filled(file)
    state = SharedState(SqliteStore(file))
    ended = Failed(at=10.0, started=9.0, reason="auth", steps=(1.0,))
    with locked_by_another(file):
        await state.refresh(["k"])
        state.note({"k": [ended]})
        began = time.monotonic()
        assert await state.claim(["k"], "me", 60)
        assert not await state.claim(["k"], "you", 60)
        assert time.monotonic() - began < WRITE_WAIT_SECONDS / 2
    await state.close()
    other = SqliteStore(file)
    assert other.read(["k"]).records["k"].probe_owner == "me"
    other.close()


# --- processes that end, and processes that split ------------------------------------------------

KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from typing import Any
from aisopod.policy.health import Used
from aisopod.stores.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
for number in range(50):
    store.apply({f"killed/{number}": [Used(at=6.0)]})
    store.read(["killed/0"])
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("DELETE FROM health")
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(file: Path) -> None:
    """A process that dies with much in its log, and in the middle of a write."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert file.with_name(file.name + "-wal").stat().st_size > 0


def test_what_a_killed_process_wrote_is_there(
    file: Path, opened: Callable[[], SqliteStore], caplog: pytest.LogCaptureFixture
) -> None:
    filled(file)
    killed(file)
    written = [f"killed/{number}" for number in range(50)]
    assert len(opened().read([*KEYS, *written]).records) == len(KEYS) + 50
    began = time.monotonic()
    opened().apply({"k": [Used(at=7.0)]})
    assert time.monotonic() - began < WRITE_WAIT_SECONDS / 2
    assert told(caplog) == []


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_noise_in_what_a_killed_process_left(
    suffix: str,
    file: Path,
    opened: Callable[[], SqliteStore],
    caplog: pytest.LogCaptureFixture,
) -> None:
    filled(file)
    killed(file)
    left = file.with_name(file.name + suffix)
    left.write_bytes(random.Random(3).randbytes(left.stat().st_size))
    assert len(opened().read(KEYS).records) == len(KEYS)
    opened().apply({"k": [Used(at=7.0)]})
    assert opened().read(["k"]).records == {"k": Health(last_used=7.0)}
    assert told(caplog) == []


async def test_a_chat_after_a_killed_process(
    world: World, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed(file)
    await is_of_use(world, file)
    assert await remembered(world, file) == "auth"
    assert told(caplog) == []


FORKED = """
import os, signal, sys, threading, time, warnings
from pathlib import Path
from typing import Any
from aisopod.policy.health import Used
from aisopod.stores.sqlite import SqliteStore
from aisopod.stores.store import StoreBusyError, StoreError
warnings.simplefilter("ignore")
store = SqliteStore(Path(sys.argv[1]))
store.read(["parent"])
store.apply({"parent": [Used(at=1.0)]})
store.apply({"parent": [Used(at=2.0)]}, wait=False)

def write():
    try:
        store.apply({"thread": [Used(at=1.0)]})
    except StoreError:
        pass

if sys.argv[2] == "busy":
    print("ready", flush=True)
    sys.stdin.readline()
    threading.Thread(target=write).start()
    time.sleep(0.3)
child = os.fork()
if child == 0:
    signal.alarm(30)
    try:
        store.apply({"child": [Used(at=1.0)]}, wait=False)
        raise SystemExit("the parent's connection was used")
    except StoreBusyError:
        pass
    assert store.read(["parent"]).records["parent"].last_used == 2.0
    print("read", flush=True)
    store.apply({"child": [Used(at=1.0)]})
    store.apply({"child": [Used(at=2.0)]}, wait=False)
    if sys.argv[2] == "closes":
        store.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
store.apply({"parent": [Used(at=3.0)]})
assert store.read(["child"]).records["child"].last_used == 2.0
store.close()
"""


@pytest.mark.parametrize("how", ["leaves", "closes"])
def test_both_sides_of_a_fork_go_on(
    how: str, file: Path, opened: Callable[[], SqliteStore]
) -> None:
    subprocess.run([sys.executable, "-c", FORKED, str(file), how], check=True, timeout=40)
    records = opened().read(["parent", "child"]).records
    assert [records[key].last_used for key in ("parent", "child")] == [3.0, 2.0]
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_fork_while_a_thread_writes(file: Path) -> None:
    """The thread, and what it holds, are not on the other side."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKED, str(file), "busy"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with locked_by_another(file):
            process.stdin.write("go\n")
            process.stdin.flush()
            assert process.stdout.readline() == "read\n"
        assert process.wait(40) == 0


async def test_a_healthy_request_reads_once_and_writes_once(
    world: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("read", "apply", "scan"):
        whole = getattr(SqliteStore, name)

        def counted(*given: Any, _name: str = name, _whole: Any = whole, **named: Any) -> Any:
            calls.append(_name)
            return _whole(*given, **named)

        monkeypatch.setattr(SqliteStore, name, counted)
    client = world.client("a", "b", state=f"sqlite:{file}")
    for _ in range(2):  # the second write of a process is its thread's
        await client.complete(OPENAI, "hi", session_id="s")
        await asyncio.sleep(0.3)
    for _ in range(3):
        calls.clear()
        await client.complete(OPENAI, "hi", session_id="s")
        await asyncio.sleep(0.3)
        assert calls == ["read", "apply"]
