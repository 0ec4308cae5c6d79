"""Processes that are killed at any moment leave a lake in which every record is once, as soon as
somebody loads the files to their end."""

import json
import signal
import subprocess
from collections import Counter

import pytest

KILLS = 300
# Of a pair of processes.
PAIRED_KILLS = 60
# Seconds: time for a few files.
KILLED_WITHIN = 0.1
FILES = 10
DAYS = ["2026-11-20", "2026-11-21"]
# So many records a part: several parts a file.
PART = ["--limit", "part_records=3"]
# What the command ends with when all is loaded, with new bad records or without.
LOADED = (0, 3)
CONTRACT = """
table = "camera"

[time]
event_time = "$.at"

[partition]
by = ["day(event_time)"]
"""


class Landing:
    """Files, and what must be found of them."""

    def __init__(self, drop, chance):
        self.drop, self.chance = drop, chance
        self.good, self.bad = {}, set()
        self.batches = 0

    def next_batch(self):
        """More files with columns of their own, bad records and several days."""
        self.batches += 1
        name = f"{self.batches:03}"
        for number in range(FILES):
            path = self.drop(f"{name}/camera/{number}.json", "")
            lines = [self.line(path, record, number) for record in range(self.chance.randint(4, 7))]
            path.write_text("".join(lines))
        return path.parent.parent

    def line(self, path, record, number):
        place = (path.as_uri(), record)
        if self.chance.random() < 0.2:
            self.bad.add(place)
            return "bad\n"
        day, n = self.chance.choice(DAYS), self.chance.randrange(1 << 32)
        self.good[place] = (day, n)
        own = f"own_{self.batches}_{number % 2}"
        return json.dumps({"at": f"{day}T10:00:00Z", "n": n, own: n}) + "\n"


def start(lake, landing, contract):
    """An ingest of all files, by small parts."""
    words = ["ingest", landing, "--contract", contract, "--threads", "1", *PART]
    return lake.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed_after(process, seconds):
    """Whether it was killed then, and not done before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() == -signal.SIGKILL


def ledger(lake):
    """The entries of the ledger by the URI of their source."""
    entries = {}
    for path in (lake.directory / "_alluvium/ledger/alluvium").glob("*.json"):
        entry = json.loads(path.read_text())
        assert entry["source"] not in entries, "a source has two entries"
        entries[entry["source"]] = entry
    return entries


def begun(lake):
    """Entries of sources that somebody began and nobody ended."""
    return {source: entry for source, entry in ledger(lake).items() if entry["state"] == "writing"}


def check(lake, landing):
    """Every record is once where it belongs, and the ledger names the files of the lake."""
    own = ", ".join(name for name in sorted(lake.columns("camera")) if name.startswith("own_"))
    rows = lake.duckdb("camera", f"_source, _record, dt, n, coalesce({own})")
    assert Counter(row[:2] for row in rows) == Counter(dict.fromkeys(landing.good, 1))
    assert {row[:2]: row[2:] for row in rows} == {
        place: (day, n, n) for place, (day, n) in landing.good.items()
    }
    bad = lake.duckdb("quarantine", "source, record")
    assert Counter(bad) == Counter(dict.fromkeys(landing.bad, 1))

    entries = ledger(lake)
    assert entries.keys() == {source for source, _ in landing.good.keys() | landing.bad}
    assert {entry["state"] for entry in entries.values()} == {"committed"}
    assert sum(entry["counts"]["records"] for entry in entries.values()) == len(rows) + len(bad)
    named = Counter(file["name"] for entry in entries.values() for file in entry["files"])
    files = [path for path in lake.directory.rglob("*.parquet") if "_alluvium" not in str(path)]
    assert Counter(path.name for path in files) == named
    assert max(len(entry["files"]) for entry in entries.values()) > len(DAYS) + 1


def run_to_the_end(lake, landing, contract):
    """Loads all files, by parts of another size: what was begun stays as it was begun."""
    begun_by = {source: entry["plan"]["id"] for source, entry in begun(lake).items()}
    words = ["ingest", landing, "--contract", contract]
    assert lake.start(*words, stdout=subprocess.DEVNULL).wait() in LOADED
    entries = ledger(lake)
    assert begun_by == {source: entries[source]["plan"] for source in begun_by}
    once = lake.objects()
    again = lake.json(*words, expect=3)
    assert (again["records"], again["duplicates"]) == (0, len(entries))
    assert lake.objects() == once


@pytest.fixture
def contract(tmp_path):
    path = tmp_path / "camera.toml"
    path.write_text(CONTRACT)
    return path


def test_killed_at_any_moment_then_finished_is_as_if_never_killed(lake, drop, contract, chance):
    landing = Landing(drop, chance)
    kills, struck = 0, 0
    batch = landing.next_batch()
    while kills < KILLS:
        if killed_after(start(lake, batch, contract), chance.random() * KILLED_WITHIN):
            kills += 1
            struck += bool(begun(lake))
        else:
            batch = landing.next_batch()
    print(f"{kills} kills, {struck} while a file was being loaded, {landing.batches * FILES} files")
    assert struck > KILLS / 10
    run_to_the_end(lake, batch.parent, contract)
    check(lake, landing)


def test_two_processes_that_are_killed_beside_each_other_load_every_record_once(
    lake, drop, contract, chance
):
    landing = Landing(drop, chance)
    kills = 0
    batch = landing.next_batch()
    while kills < PAIRED_KILLS:
        pair = [start(lake, batch, contract) for _ in range(2)]
        # Mostly one goes on alone for a while.
        killed = [killed_after(process, chance.random() * KILLED_WITHIN) for process in pair]
        kills += sum(killed)
        if not any(killed):
            batch = landing.next_batch()
    print(f"{kills} kills of pairs, {landing.batches * FILES} files")
    pair = [start(lake, batch.parent, contract) for _ in range(2)]
    assert all(process.wait() in LOADED for process in pair)
    run_to_the_end(lake, batch.parent, contract)
    check(lake, landing)
