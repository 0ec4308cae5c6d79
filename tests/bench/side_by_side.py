"""Alluvium beside its peers and beside its bound, in one run: `make bench`.

Each input is loaded by every contender, one after the other, each in a process of its own on one
core, with one thread and zstd at level 3; then Alluvium and the fastest peer do it on two cores.
What counts is the CPU time, since others may be at work on the machine. The bound is what parsing
the same JSON into trees and encoding the finished columns of Alluvium's own files take together.

    python side_by_side.py [--mb 256] [--shapes SHAPE ...] [--files FILE ...] [--runs 1]

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
CONTENDERS = Path(__file__).with_name("contenders.py")
PYTHON = [sys.executable, "-B"]
ARROW_JSON = "arrow-json"
ALL_PEERS = [*PEERS, ARROW_JSON]
TABLE = "events"
# Where the table lies in a lake; bad records have another.
OF_LAKE = Path("alluvium") / TABLE
# The command ends with it when some records are bad; whether any are missing is seen in its files.
EXIT_QUARANTINED = 3


def main():
    words = argparse.ArgumentParser(description="Measures Alluvium beside its peers.")
    words.add_argument("--mb", type=float, default=256)
    words.add_argument("--shapes", nargs="*", default=list(generate.SHAPES))
    words.add_argument("--files", nargs="*", default=[], help="of users, or folders of them")
    words.add_argument("--runs", type=int, default=1, help="of which the least CPU counts")
    words.add_argument("--peers", nargs="*", choices=ALL_PEERS, default=ALL_PEERS)
    words.add_argument("--programs", type=Path, default=ROOT / "target" / "release")
    words.add_argument("--folder", type=Path, default=FOLDER)
    given = words.parse_args()
    work = given.folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    bench = Bench(work, given.programs.resolve(), given.peers, given.runs)
    try:
        compared = [bench.compare(source) for source in inputs(given, work)]
    finally:
        shutil.rmtree(work)
    results = {"machine": report.machine(), "inputs": compared}
    (given.folder / "results.json").write_text(json.dumps(results, indent=1))
    tables = report.markdown(results)
    (given.folder / "results.md").write_text(tables)
    print(tables, end="")


@dataclass
class Input:
    name: str
    path: Path
    records: int

    @property
    def bytes(self):
        return self.path.stat().st_size


def inputs(given, work):
    """Makes the inputs, one after the other in the same place, as they are asked for."""
    size, path = int(given.mb * generate.MB), work / "input.ndjson"
    for shape in given.shapes:
        say(f"{shape}: making {given.mb:g} MB")
        yield Input(shape, path, generate.write(shape, size, path))
    for file in map(Path, given.files):
        name = named(file.resolve())
        say(f"{name}: making {given.mb:g} MB")
        try:
            records = replicate(file, size, path)
        except (OSError, ValueError) as error:
            say(f"{name}: left out: {error}")
            continue
        yield Input(name, path, records)


def named(file):
    """Names of files alone are often the same."""
    return file.name if file.is_dir() else f"{file.parent.name}/{file.name.split('.')[0]}"


@dataclass
class Bench:
    # Where contenders write to.
    work: Path
    # Where the command and the bounds were built to.
    programs: Path
    peers: list
    runs: int

    def compare(self, source):
        """All contenders on one core, then Alluvium and the fastest peer on two."""
        cores = sorted(os.sched_getaffinity(0))
        one, two = set(cores[-1:]), set(cores[-2:])
        ours = {ALLUVIUM: self.run(ALLUVIUM, source, one)}
        # While what it wrote is still there.
        bound = self.bound(source, one)
        peers = {peer: self.run(peer, source, one) for peer in self.peers}
        compared = {"name": source.name, "bytes": source.bytes, "records": source.records}
        compared |= {"one_core": ours | peers, "bound": bound, "two_cores": {}}
        if len(two) == 2:
            best = filter(None, [ALLUVIUM, report.fastest_peer(compared)])
            compared["two_cores"] = {name: self.run(name, source, two) for name in best}
        return compared

    def run(self, contender, source, cores):
        """What a contender took to load the input, and what came of it."""
        taken = self.least(lambda: self.load(contender, source, cores))
        took = taken.get("fails") or "{cpu_seconds:.2f} s of CPU, {seconds:.2f} s".format(**taken)
        say(f"{source.name}: {contender}, cores: {len(cores)}: {took}")
        return taken

    def least(self, once):
        """What the run took that took the least; a failure is one whenever it happens."""
        taken = [once() for _ in range(self.runs)]
        failed = [t for t in taken if "fails" in t]
        return failed[0] if failed else min(taken, key=lambda t: t["cpu_seconds"])

    def load(self, contender, source, cores):
        out = self.work / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        try:
            printed, took = measure(
                self.command(contender, source.path, len(cores)), cores, (0, EXIT_QUARANTINED)
            )
            took["cpu_seconds"] -= sum(line.get("import_cpu_seconds", 0) for line in printed)
            files = sorted(out.glob("*.parquet")) or sorted((out / OF_LAKE).rglob("*.parquet"))
            [found], _ = measure([*PYTHON, CONTENDERS, "look", *files], cores)
        except Failed as failed:
            return {"fails": str(failed)}
        if found["rows"] != source.records:
            return {"fails": f"loads {found['rows']:,} of {source.records:,} records"}
        return took | found

    def command(self, contender, file, threads):
        out = self.work / "out"
        if contender == ALLUVIUM:
            to = ["--table", TABLE, "--lake", out]
            return [self.programs / "alluvium", "ingest", file, *to, "--threads", threads, "--json"]
        to = out / f"{TABLE}.parquet"
        if contender == ARROW_JSON:
            return [self.programs / "bounds", "arrow-json", file, to]
        return [*PYTHON, CONTENDERS, contender, file, to, threads]

    def bound(self, source, cores):
        """CPU seconds of parsing alone, and of encoding alone what Alluvium has just written."""

        def seconds(*words):
            def once():
                [printed], _ = measure([self.programs / "bounds", *words], cores)
                return printed

            return self.least(once)["cpu_seconds"]

        try:
            encoding = seconds("encode", self.work / "out" / OF_LAKE)
            took = {"parse": seconds("parse", source.path), "encode": encoding}
        except Failed as failed:
            took = {"fails": str(failed)}
        say(f"{source.name}: parsing and encoding alone: {took}")
        return took


def say(what):
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
