"""Readers never notice: writers, compactors and vacuums work on one lake and are killed at any
moment, and whoever reads through the catalog meanwhile sees every row once."""

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

WRITERS = 8
# What must have happened before the test ends. Those that are killed say nothing of their swaps.
ENOUGH = {
    "rows": 600,
    "kills of writers": 40,
    "kills of compactors": 40,
    "kills of vacuums": 15,
    "swaps": 25,
    "kills amid a swap": 3,
    "vacuumed files": 100,
    "reads": 30,
}
# It takes about a minute on two busy cores.
SECONDS_MAX = 300
# Seconds: about as long as a process lives beside all others.
KILLED_WITHIN = 0.5
# Leases are two and a half of it, so that a partition is swapped again within the test.
SETTLE = ["--settle-seconds", "2"]
# Well above the time of a read: a reader may take so long and no longer.
GRACE_SECONDS = 10
SWAPS = ["--min-files", "2", "--quiet-seconds", "1", "--target-bytes", "40000"]
DAYS = ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]
# Files that a partition is left with: few of what it was given.
FILES_MAX = 20
# Columns that come while others merge.
OWN = 6
CONTRACT = """
table = "camera"

[time]
event_time = "$.at"

[partition]
by = ["day(event_time)"]
"""


class Fray:
    """All who work on the lake, and what is known of it."""

    def __init__(self, lake, drop, contract, chance):
        self.lake, self.drop, self.contract = lake, drop, contract
        self.seed = chance.randrange(1 << 32)
        self.happened = Counter({name: 0 for name in ENOUGH})
        self.lock, self.over = threading.Lock(), threading.Event()
        # Rows by number: those that were ever sent, and those whose ingest has ended.
        self.sent, self.loaded = {}, set()
        self.slowest_read = 0

    def count(self, **happened):
        with self.lock:
            self.happened.update({name.replace("_", " "): n for name, n in happened.items()})

    def run(self):
        """Everybody at once, until enough has happened or somebody fails."""
        others = [self.compact, self.compact, self.vacuum, self.read]
        with ThreadPoolExecutor(WRITERS + len(others)) as pool:
            ended = [pool.submit(self.repeat, self.write, n) for n in range(WRITERS)]
            ended += [pool.submit(self.repeat, other, n) for n, other in enumerate(others, WRITERS)]
        for end in ended:
            end.result()
        print(", ".join(f"{n} {name}" for name, n in self.happened.items()))
        print(f"the slowest read took {self.slowest_read:.1f} s")
        assert not self.lacking(), f"in {SECONDS_MAX} s hardly anything happened"

    def repeat(self, work, number):
        """Until it is over. Whoever fails ends it for all."""
        chance = random.Random(f"{self.seed} {number}")
        until = time.monotonic() + SECONDS_MAX
        try:
            while not self.over.is_set():
                work(chance)
                if not self.lacking() or time.monotonic() > until:
                    self.over.set()
        except BaseException:
            self.over.set()
            raise

    def lacking(self):
        with self.lock:
            return [name for name, least in ENOUGH.items() if self.happened[name] < least]

    def start(self, *words):
        return self.lake.start(*words, *SETTLE)

    def write(self, chance):
        """Loads a file, by one process or by two at once, which may be killed, until one ends."""
        with self.lock:
            first = len(self.sent)
            rows = {first + n: chance.choice(DAYS) for n in range(chance.randint(4, 8))}
            self.sent |= rows
        lines = [json.dumps({"at": f"{day}T10:00:00Z", "n": n, f"own_{n % OWN}": n})
                 for n, day in rows.items()]
        file = self.drop(f"camera/{first}.json", "\n".join(lines))
        words = ["ingest", file, "--contract", self.contract]
        while not self.deliver(words, chance):
            pass
        with self.lock:
            self.loaded |= rows.keys()
        self.count(rows=len(rows))
        self.over.wait(chance.random())

    def deliver(self, words, chance):
        """Whether a process told that it loaded the file."""
        processes = [self.start(*words) for _ in range(chance.choice([1, 1, 2]))]
        codes = [ended(process, chance, odds=0.3)[0] for process in processes]
        self.count(kills_of_writers=codes.count(-signal.SIGKILL))
        # 1 is what ran out of time, or met a claim.
        assert set(codes) <= {0, 1, -signal.SIGKILL}
        return 0 in codes

    def compact(self, chance):
        process = self.start("compact", *SWAPS, "--grace-seconds", GRACE_SECONDS, "--json")
        code, said = ended(process, chance, odds=0.5)
        if code == -signal.SIGKILL:
            pointers = (self.lake.directory / "_alluvium/pointers").rglob("*.json")
            amid = any(json.loads(pointer.read_text())["next"] for pointer in pointers)
            return self.count(kills_of_compactors=1, kills_amid_a_swap=amid)
        assert said.startswith("{"), said
        partitions = json.loads(said)["partitions"]
        done = [p for p in partitions if p["outcome"] == "committed"]
        self.count(swaps=len(done))

    def vacuum(self, chance):
        code, said = ended(self.start("vacuum", "--json"), chance, odds=0.5)
        if code == -signal.SIGKILL:
            return self.count(kills_of_vacuums=1)
        assert said.startswith("{"), said
        vacuumed = json.loads(said)
        assert vacuumed["kept"] == []
        self.count(vacuumed_files=vacuumed["files"])

    def read(self, chance):
        with self.lock:
            loaded = set(self.loaded)
        if not loaded:
            return
        began = time.monotonic()
        seen = Counter(numbers(self.lake.files("camera")))
        took = time.monotonic() - began
        assert took < GRACE_SECONDS, f"a read took {took:.1f} s"
        self.slowest_read = max(self.slowest_read, took)
        assert {n: seen[n] for n in loaded if seen[n] != 1} == {}
        assert seen.keys() <= self.sent.keys()
        self.count(reads=1)


def ended(process, chance, odds):
    """The exit code of a process that may have been killed, and what it printed or else complained
    about."""
    seconds = chance.random() * KILLED_WITHIN if chance.random() < odds else None
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    return process.returncode, out or err


def numbers(files):
    """The numbers of the rows in these files."""
    with duckdb.connect() as connection:
        found = connection.execute("SELECT n FROM read_parquet($files)", {"files": files})
        return [n for n, in found.fetchall()]


def come_to_rest(lake):
    """Whatever was begun is finished, and whatever was replaced is deleted."""
    until = time.monotonic() + SECONDS_MAX
    rest = False
    while not rest:
        assert time.monotonic() < until, "the lake does not come to rest"
        compacted = lake.json("compact", *SWAPS, "--grace-seconds", GRACE_SECONDS, *SETTLE)
        vacuumed = lake.json("vacuum", *SETTLE)
        busy = compacted["partitions"] or compacted["looked_at"]["leased"] or vacuumed["waiting"]
        rest = not busy


@pytest.fixture
def contract(tmp_path):
    path = tmp_path / "camera.toml"
    path.write_text(CONTRACT)
    return path


def test_readers_never_notice_that_partitions_are_swapped_by_processes_that_are_killed(
    lake, drop, contract, chance
):
    lake.directory.mkdir()
    fray = Fray(lake, drop, contract, chance)
    fray.run()
    come_to_rest(lake)

    assert lake.json("doctor", *SETTLE)["findings"] == []
    own = ", ".join(f"own_{n}" for n in range(OWN))
    found = sorted(lake.duckdb("camera", f"n, dt, coalesce({own})"))
    assert found == [(n, day, n) for n, day in sorted(fray.sent.items())]
    there = {str(path) for path in (lake.directory / "alluvium/camera").rglob("*.parquet")}
    assert there == set(lake.files("camera"))
    assert len(there) <= FILES_MAX * len(DAYS)
