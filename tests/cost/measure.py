"""CPU time and Parquet of files of each size, measured with the command on a lake in a directory."""

import json
import shutil
from itertools import islice
from typing import NamedTuple

from bench.generate import MB, lines
from cost.model import Load
from peak import watch

KB = 1_000
# Sizes, and how many files of each are loaded. A larger file takes as much for each byte as the
# largest of these, which has two parts.
FILES = {KB: 1_000, 10 * KB: 1_000, 100 * KB: 300, MB: 50, 10 * MB: 8, 100 * MB: 1, 256 * MB: 1}


class Measured(NamedTuple):
    """What files take, by their size, and how long a record is."""

    loads: dict
    record_bytes: float

    def at(self, size):
        """A load of another size: in a straight line between those that were measured."""
        sizes = sorted(self.loads)
        above = next((at for at in sizes if at >= size), None)
        below = max((at for at in sizes if at < size), default=None)
        if above is None or below is None:
            nearest = self.loads[above or below]
            return Load(*(value * size / nearest.json_bytes for value in nearest))
        share = (size - below) / (above - below)
        pairs = zip(self.loads[below], self.loads[above])
        return Load(*(low + (high - low) * share for low, high in pairs))._replace(json_bytes=size)


def measure(command, folder, sizes=FILES):
    """Loads files of each size, all those of a size by one process, whose start does not count."""
    alone = ingest(command, folder, [[b"{}\n"]]).cpu_seconds
    loads, record_bytes = {}, 0
    for size, count in sizes.items():
        records = lines("telemetry")
        took = ingest(command, folder, (whole(records, size) for _ in range(count)))
        cpu_seconds = max(took.cpu_seconds - alone, 0) / count
        loads[size] = Load(took.json_bytes / count, cpu_seconds, took.parquet_bytes / count)
        record_bytes = took.json_bytes / took.records
    return Measured(loads, record_bytes)


def whole(records, size):
    """Whole records of about so many bytes together, at least one."""
    left = size
    while left > 0:
        record = next(records)
        if left < size and left < len(record) / 2:
            break
        yield record
        left -= len(record)


class Ingested(NamedTuple):
    """What a run of the command took and did."""

    cpu_seconds: float
    json_bytes: int
    parquet_bytes: int
    records: int


def ingest(command, folder, files):
    """Loads files, each given as its lines, into a new lake; all that was written is removed."""
    landing, lake = folder / "landing" / "telemetry", folder / "lake"
    landing.mkdir(parents=True)
    try:
        for number, records in enumerate(files):
            with (landing / f"{number:06}.json").open("wb") as file:
                file.writelines(records)
        took = watch(command, "ingest", landing.parent, "--lake", lake, "--json")
        if took.code:
            raise RuntimeError(f"the command ended with {took.code}: {took.printed}")
        counts = json.loads(took.printed)
        json_bytes, parquet_bytes = counts["bytes_in"], counts["bytes_out"]
        return Ingested(took.cpu_seconds, json_bytes, parquet_bytes, counts["loaded"])
    finally:
        shutil.rmtree(folder)
