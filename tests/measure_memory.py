"""What loading takes of memory, whatever is loaded: `make measure-memory`.

Files are made in target/, loaded by the command as users have it, and removed. The command ends
with an error if a run took more memory than is promised for its settings, or did not load what was
there to load. Peaks are those of whole processes (`ru_maxrss`), so the code of the command counts.

    python measure_memory.py [--mb N ...] [--only INPUT] [--settings default|small]
"""

import argparse
import itertools
import json
import os
import random
import shutil
import sys
from datetime import datetime, timezone

from bench.generate import SHAPES, lines
from conftest import COMMAND, ROOT
from peak import watch

FOLDER = ROOT / "target" / "measure-memory"
MB = 1_000_000
MIB = 1 << 20
# More than a part holds at any of the settings, so that no part holds a record twice.
DISTINCT_BYTES = 160 * MIB
# What is nasty is so from the first part on; what grows with the input would show in these.
NASTY_MB = 256
SIZES_MB = [256, 1_000]
# What a process may take, as README.md promises, and the limits that are set for it.
SETTINGS = {"default": (512, []), "small": (200, ["part_text_bytes=16777216"])}
RECORD_BYTES_MAX = 16 * MIB
# An attempt is given up after three quarters of it: not on a slow machine with much to load, either.
SETTLE_SECONDS = "86400"


def empty(choose):
    """Nothing, over and over: as many rows as bytes can be."""
    return itertools.repeat(b"{}\n")


def columns(choose):
    """A thousand columns, of which each record has twenty."""
    names = [f"c{n:03}" for n in range(1_000)]
    while True:
        yield line({name: choose.randrange(1 << 30) for name in choose.sample(names, 20)})


def numbers(choose):
    """A number in each of 990 columns."""
    while True:
        yield line({f"c{n}": choose.randrange(1_000_000) for n in range(990)})


def texts(choose):
    """A few long texts a record, which no dictionary holds."""
    while True:
        yield line({name: choose.randbytes(4_000).hex() for name in "abc"})


def one_record(choose):
    """A record of as many bytes as one may have, among small ones."""
    yield from itertools.islice(lines("telemetry"), 1_000)
    yield line({"text": choose.randbytes(RECORD_BYTES_MAX // 2 - 100).hex()})
    yield from lines("telemetry")


def members(choose):
    """A record of as many members as one may have, among small ones."""
    small = lines("telemetry")
    while True:
        yield from itertools.islice(small, 20_000)
        yield b'{"a":{' + b'"":1,' * ((RECORD_BYTES_MAX - 20) // 5) + b'"b":2}}\n'


def a_list(choose):
    """A long list, of which most records have nothing."""
    while True:
        yield line({"list": [choose.randrange(1_000) for _ in range(100_000)]})
        yield from itertools.islice(empty(choose), 100_000)


def line(record):
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def shape(name):
    return lambda choose: lines(name)


INPUTS = {name: shape(name) for name in SHAPES}
INPUTS |= {make.__name__: make for make in [empty, columns, numbers, texts, one_record, members, a_list]}


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--mb", type=int, nargs="+", default=SIZES_MB, help="of telemetry")
    words.add_argument("--only", choices=INPUTS)
    words.add_argument("--settings", choices=SETTINGS)
    given = words.parse_args()
    print(f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, {COMMAND}\n")
    print("| input | MB | records | settings | peak MiB | MB per second of CPU |")
    print("|---|---|---|---|---|---|")
    over = []
    for name in [given.only] if given.only else INPUTS:
        for mb in given.mb if name == "telemetry" else [NASTY_MB]:
            over += measured(name, mb, [given.settings] if given.settings else list(SETTINGS))
    if over:
        sys.exit("error: " + "; ".join(over))


def measured(name, mb, settings):
    """Loads an input by each of the settings, and says what was not as promised."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        path = FOLDER / "input.json"
        records = write(path, INPUTS[name](random.Random(10)), mb * MB)
        return list(filter(None, (load(name, path, records, setting) for setting in settings)))
    finally:
        shutil.rmtree(FOLDER)


def write(path, records, size):
    """Writes about so many bytes of records, again and again the same ones if they are very many,
    and returns how many there are."""
    with path.open("wb+") as file:
        while file.tell() < min(size, DISTINCT_BYTES):
            file.write(next(records))
        file.seek(0)
        distinct = file.read()
        while file.tell() < size:
            end = distinct.rfind(b"\n", 0, size - file.tell()) + 1
            if end == 0:
                break
            file.write(distinct[:end])
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(16 * MIB), b""))


def load(name, path, records, setting):
    """Loads a file with so many records, and complains if it took too much or lost any."""
    most_mib, limits = SETTINGS[setting]
    lake = FOLDER / "lake"
    limited = [word for limit in limits for word in ("--limit", limit)]
    words = ["--table", name, "--lake", lake, "--settle-seconds", SETTLE_SECONDS, *limited]
    took = watch(COMMAND, "ingest", path, *words, "--json")
    shutil.rmtree(lake, ignore_errors=True)
    size = path.stat().st_size / MB
    if took.code or json.loads(took.printed)["loaded"] != records:
        return f"{name} of {size:.0f} MB, {setting} settings: {records} records, {took.printed}"
    mib, speed = took.kib / 1024, size / took.cpu_seconds
    shown = [name, f"{size:,.0f}", f"{records:,}", setting, f"{mib:,.0f}", f"{speed:,.0f}"]
    print(f"| {' | '.join(shown)} |", flush=True)
    if mib > most_mib:
        return f"{name} of {size:.0f} MB, {setting} settings: {mib:.0f} MiB are more than {most_mib}"


if __name__ == "__main__":
    main()
