"""What a compaction takes, measured with the command as users have it: `make measure-compaction`.

Two lakes are made in target/, compacted, compared and removed: one of very many very small files,
one of so many bytes that they do not fit into one file. Half of their bytes is noise, so that a
byte of Parquet takes no more than two of JSON. Whatever is not as it must be ends it with an error.

    python measure_compaction.py [--files N] [--mib N] [--only hours|day]
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from conftest import COMMAND, ROOT, Lake
from peak import watch
from test_compact import row_groups_read, settle

FOLDER = ROOT / "target" / "measure-compaction"
# The memory of a function that has one CPU, as AWS documents. The command merges bins one after
# the other in one process, as a function does that stays warm.
FUNCTION_MIB = 1_769
TARGET_BYTES = 256 << 20
MIB = 1 << 20
# Who write at the same time, each a file at a time.
WRITERS = 8
DAY = datetime(2026, 11, 22, tzinfo=timezone.utc)
DAY_LONG = timedelta(days=1)
CONTRACT = """
table = "events"
[source]
prefix = "events/"
[time]
event_time = "$.time"
[partition]
by = ["{unit}(event_time)"]
"""
# A loss, a double and a changed value are seen in these.
TOTALS = (
    "count(*), sum(n), min(time), max(time), min(device), max(device),"
    " sum(hash(payload, device, n, time, temperature)), count(DISTINCT _source), sum(_record)"
)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--files", type=int, default=53 * 192, help="small files, a multiple of 192")
    words.add_argument("--mib", type=int, default=2_048, help="Parquet in one partition")
    words.add_argument("--only", choices=["hours", "day"])
    given = words.parse_args()
    require(given.files % (24 * WRITERS) == 0, f"--files must be a multiple of {24 * WRITERS}")
    print(f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, {machine_gib()} GiB")
    cases = {"hours": lambda: many_files(given.files), "day": lambda: many_bytes(given.mib)}
    for name, case in cases.items():
        if given.only in (None, name):
            shutil.rmtree(FOLDER, ignore_errors=True)
            FOLDER.mkdir(parents=True)
            try:
                case()
            finally:
                shutil.rmtree(FOLDER)


def machine_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def many_files(files):
    """Files of about 20 KB, in as many hours as a day has; then the old ones are deleted."""
    print(f"\n{files:,} files of about 20 KB in 24 partitions")
    settling = ["--settle-seconds", "30"]
    lake = load("hour", files, records=210, noise=64, options=settling)
    sources = lake.files("events")
    before = Before(lake)
    time.sleep(30)
    compacted = compact(lake, [*settling, "--grace-seconds", "5"])
    partitions = compacted["partitions"]
    require(len(partitions) == 24, f"{len(partitions)} partitions were planned")
    require(len(lake.files("events")) == 24, "a partition has not one file")
    before.compare()

    waiting = lake.json("vacuum", *settling)["waiting"]
    while waiting:
        time.sleep(5)
        waiting = lake.json("vacuum", *settling)["waiting"]
    left = sorted(map(str, lake.directory.rglob("*.parquet")))
    require(left == sorted(lake.files("events")), "vacuum left or deleted something else")
    require(not any(os.path.exists(source) for source in sources), "an old file is left")
    print(f"vacuum left {len(left)} files, which are those of the catalog")
    before.compare()


def many_bytes(mib):
    """Files of about half a mebibyte in one partition, which is larger than what one file should
    be, in the memory of a function. How large a partition is does not matter to a merge: it
    holds the files of a bin, and all bins but one have a full target."""
    print(f"\n{mib:,} MiB in files of about 0.5 MiB in one partition")
    lake = load("day", files=mib * 2, records=1_000, noise=470, options=[])
    settle(lake)
    before = Before(lake)
    compact(lake, [])
    sizes = sorted(os.path.getsize(file) for file in lake.files("events"))
    print("files of", ", ".join(f"{size / MIB:.0f}" for size in sizes), "MiB")
    require(all(TARGET_BYTES / 2 <= size for size in sizes[1:]), "more than one file is small")
    require(sizes[-1] <= 1.25 * TARGET_BYTES, "a file is much larger than the target")
    before.compare()


def load(unit, files, records, noise, options):
    """A lake with so many files of events over a day, of which each time lies in as many files as
    there are writers."""
    lake = Lake(FOLDER / "lake")
    lake.directory.mkdir()
    contract = FOLDER / "events.toml"
    contract.write_text(CONTRACT.format(unit=unit))
    lake.run("contract", "deploy", contract)
    landing = FOLDER / "landing" / "events"
    landing.mkdir(parents=True)
    choose = random.Random(9)
    json_bytes = 0
    for file in range(files):
        begin, writer = file // WRITERS * records, file % WRITERS
        numbers = ((begin + n) * WRITERS + writer for n in range(records))
        # Each hour has as many whole files of each writer as any other.
        times = ((number, DAY + number * DAY_LONG / (files * records)) for number in numbers)
        text = "\n".join(event(number, at, choose, noise) for number, at in times)
        json_bytes += len(text)
        (landing / f"{file:06}.json").write_text(text)
    took = watched(lake, "ingest", landing.parent, "--threads", "2", *options)
    loaded = took.printed["loaded"]
    require(loaded == files * records, f"{loaded} records were loaded of {files * records}")
    shutil.rmtree(landing.parent)
    print(f"loaded {loaded:,} records, {json_bytes / MIB:,.0f} MiB of JSON: {took}")
    return lake


def event(number, at, choose, noise):
    """A record of which `noise` bytes are not compressible, as twice as many hex digits."""
    device, tenths = choose.randrange(20_000), choose.randrange(-200, 400)
    return (
        f'{{"time":"{at:%Y-%m-%dT%H:%M:%S.%fZ}","n":{number},"device":"dev-{device:06}",'
        f'"temperature":{tenths / 10},"payload":"{choose.randbytes(noise).hex()}"}}'
    )


class Before:
    """What readers saw, to compare with afterwards, and how fast reading and writing alone is."""

    def __init__(self, lake):
        self.lake = lake
        self.totals = lake.duckdb("events", TOTALS)
        files = lake.files("events")
        size = sum(map(os.path.getsize, files))
        print(
            f"before: {len(files):,} files, {size / MIB:,.1f} MiB; {hour_read(files)};"
            f" PyArrow reads and writes alone {rewritten_per_second(files) / MIB:.1f} MiB of them"
            " per second of CPU"
        )

    def compare(self):
        totals = self.lake.duckdb("events", TOTALS)
        require(totals == self.totals, f"{self.totals} became {totals}")
        findings = self.lake.json("doctor")["findings"]
        require(findings == [], f"doctor found {findings}")
        files = self.lake.files("events")
        size = sum(map(os.path.getsize, files))
        print(
            f"after: {len(files):,} files, {size / MIB:,.1f} MiB; {hour_read(files)};"
            f" DuckDB sees the same {totals[0][0]:,} rows, doctor finds nothing"
        )


def rewritten_per_second(files):
    """Bytes of files that a second of CPU reads and writes as they come into one, with the
    settings of ours; of as many files as go into one."""
    started = time.process_time()
    settings = {"compression": "zstd", "compression_level": 3, "write_page_index": True}
    waiting, rows, bytes_read = [], 0, 0
    path = FOLDER / "alone.parquet"
    with pq.ParquetWriter(path, pq.ParquetFile(files[0]).schema_arrow, **settings) as writer:
        for file in files:
            waiting.append(pq.ParquetFile(file).read(use_threads=False))
            rows += len(waiting[-1])
            bytes_read += os.path.getsize(file)
            is_last = file == files[-1] or bytes_read >= TARGET_BYTES
            if rows >= 65_536 or is_last:
                writer.write_table(pa.concat_tables(waiting))
                waiting, rows = [], 0
            if is_last:
                break
    path.unlink()
    return bytes_read / (time.process_time() - started)


def hour_read(files):
    begin = DAY + timedelta(hours=11)
    read, everything = row_groups_read(files, begin, begin + timedelta(hours=1))
    return f"{read:,} of {everything:,} row groups may have events of one hour"


def compact(lake, options):
    took = watched(lake, "compact", *options)
    for partition in took.printed["partitions"]:
        require(partition["outcome"] == "committed", f"a swap ended like this: {partition}")
    reports = [partition["report"] for partition in took.printed["partitions"]]
    total = {key: sum(report[key] for report in reports) for key in reports[0]}
    merged, new = total["merged_bytes"] / MIB, total["new_bytes"] / MIB
    print(
        f"compacted: {total['merged_files']:,} files of {merged:,.1f} MiB became"
        f" {total['new_files']:,} of {new:,.1f} MiB, {total['copied_files']:,} copied: {took},"
        f" {merged / took.cpu_seconds:.1f} MiB of Parquet per second of CPU"
    )
    return took.printed


class watched:
    """A run of the command, in no more resident memory than a function has, and what it took."""

    def __init__(self, lake, *words):
        command = [COMMAND, *words, "--lake", lake.directory, "--json"]
        self.load = os.getloadavg()[0]
        ended = watch(*command)
        require(ended.code == 0, f"{words[0]} ended with {ended.code}: {ended.printed}")
        self.printed = json.loads(ended.printed)
        self.seconds, self.cpu_seconds = ended.seconds, ended.cpu_seconds
        self.mib = ended.kib / 1_024
        require(self.mib < FUNCTION_MIB, f"{words[0]} took {self.mib:.0f} MiB")

    def __str__(self):
        return (
            f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU, at most {self.mib:.0f} MiB"
            f" (load before: {self.load:.1f})"
        )


def require(holds, otherwise):
    if not holds:
        sys.exit(f"error: {otherwise}")


if __name__ == "__main__":
    main()
