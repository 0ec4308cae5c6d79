"""Alluvium beside its peers and beside its bound, in one run: `make bench`.

Each input is loaded by every contender, one after the other, each in a process of its own on one
core, with one thread and zstd at level 3; then Alluvium and the fastest peer do it on two cores.
What counts is the CPU time, since others may be at work on the machine. The bound is what parsing
the same JSON into trees and encoding the finished columns of Alluvium's own files take together.

    python bench.py [--mb 256] [--shapes SHAPE ...] [--files FILE ...] [--runs 1]

The tables are printed, and stay in target/bench with the numbers; everything else is removed.
"""

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import generate
import report
from contenders import PEERS
from measure import Failed, measure
from report import ALLUVIUM
from user_files import replicate

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "target" / "bench"
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / os.environ.get("PROFILE", "release")
CONTENDERS = Path(__file__).with_name("contenders.py")
PYTHON = [sys.executable, "-B"]
ARROW_JSON = "arrow-json"
TABLE = "events"
# Where the table lies in a lake; bad records have another.
OF_LAKE = Path("alluvium") / TABLE
# The command ends with it when some records are bad; whether any are missing is seen in its files.
EXIT_QUARANTINED = 3


@dataclass
class Input:
    name: str
    path: Path
    records: int

    @property
    def bytes(self):
        return self.path.stat().st_size


def main():
    words = argparse.ArgumentParser(description="Measures Alluvium beside its peers.")
    words.add_argument("--mb", type=float, default=256)
    words.add_argument("--shapes", nargs="*", default=list(generate.SHAPES))
    words.add_argument("--files", nargs="*", default=[])
    words.add_argument("--runs", type=int, default=1, help="of which the one with the least CPU counts")
    given = words.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    work = FOLDER / "work"
    work.mkdir(parents=True)
    measured = []
    try:
        for source in inputs(given, work):
            measured.append(compare(source, work, given.runs))
            source.path.unlink()
    finally:
        shutil.rmtree(work)
    results = {"machine": report.machine(), "inputs": measured}
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1))
    tables = report.markdown(results)
    (FOLDER / "results.md").write_text(tables)
    print(tables, end="")


def inputs(given, work):
    """Makes the inputs, one when the one before is done with."""
    size = int(given.mb * generate.MB)
    for shape in given.shapes:
        say(f"{shape}: making {given.mb:g} MB")
        path = work / f"{shape}.ndjson"
        yield Input(shape, path, generate.write(shape, size, path))
    for file in map(Path, given.files):
        name = file.resolve().name if file.is_dir() else file.name.split(".")[0]
        say(f"{name}: making {given.mb:g} MB")
        path = work / "input.ndjson"
        try:
            records = replicate(file, size, path)
        except (OSError, ValueError) as error:
            say(f"{name}: left out: {error}")
            continue
        yield Input(name, path, records)


def compare(source, work, runs):
    """All contenders on one core, then the best two on two."""
    cores = sorted(os.sched_getaffinity(0))
    one, two = set(cores[-1:]), set(cores[-2:])
    compared = {"name": source.name, "bytes": source.bytes, "records": source.records}

    def run(contender, cores):
        taken = least(lambda: load(contender, source, work, cores), runs)
        took = taken.get("fails") or f"{taken['cpu_seconds']:.2f} s of CPU, {taken['seconds']:.2f} s"
        say(f"{source.name}: {contender}, {len(cores)} core{'s' * (len(cores) > 1)}: {took}")
        return taken

    ours = {ALLUVIUM: run(ALLUVIUM, one)}
    compared["bound"] = bound(source, work, one, runs)
    compared["one_core"] = ours | {name: run(name, one) for name in (*PEERS, ARROW_JSON)}
    fastest = report.fastest_peer(compared)
    names = [ALLUVIUM] + ([fastest] if fastest else [])
    compared["two_cores"] = {name: run(name, two) for name in names} if len(two) == 2 else {}
    return compared


def least(once, runs):
    """What the run took that took the least; a failure is one whenever it happens."""
    taken = [once() for _ in range(runs)]
    failed = [t for t in taken if "fails" in t]
    return failed[0] if failed else min(taken, key=lambda t: t["cpu_seconds"])


def load(contender, source, work, cores):
    """What a contender took to load the input, and what came of it."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    try:
        printed, took = measure(command(contender, source, out, len(cores)), cores, (0, EXIT_QUARANTINED))
        took["cpu_seconds"] -= sum(line.get("import_cpu_seconds", 0) for line in printed)
        files = sorted(out.glob("*.parquet")) or sorted((out / OF_LAKE).rglob("*.parquet"))
        [found], _ = measure([*PYTHON, CONTENDERS, "look", *files], cores)
    except Failed as failed:
        return {"fails": str(failed)}
    if found["rows"] != source.records:
        return {"fails": f"loads {found['rows']:,} of {source.records:,} records"}
    return took | found


def command(contender, source, out, threads):
    if contender == ALLUVIUM:
        words = ["ingest", source.path, "--table", TABLE, "--lake", out, "--threads", threads, "--json"]
        return [PROGRAMS / "alluvium", *words]
    file = out / "events.parquet"
    if contender == ARROW_JSON:
        return [PROGRAMS / "bounds", "arrow-json", source.path, file]
    return [*PYTHON, CONTENDERS, contender, source.path, file, threads]


def bound(source, work, cores, runs):
    """CPU seconds of parsing alone, and of encoding alone what Alluvium has just written."""

    def seconds(*words):
        def once():
            [printed], _ = measure([PROGRAMS / "bounds", *words], cores)
            return printed

        return least(once, runs)["cpu_seconds"]

    try:
        encoding = seconds("encode", work / "out" / OF_LAKE)
        took = {"parse": seconds("parse", source.path), "encode": encoding}
    except Failed as failed:
        took = {"fails": str(failed)}
    say(f"{source.name}: parsing and encoding alone: {took}")
    return took


def say(what):
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
