"""The tables of the matrix in a lake, and what every reader must find in them."""

import base64
import os
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from generations import TABLES, Bad, line
from measures import measures
from placement import Columns, micros

FIRST_ARRIVAL = datetime(2026, 11, 1, 22, 30, 15, 123456, tzinfo=timezone.utc)
BETWEEN_ARRIVALS = timedelta(hours=31)
QUARANTINED_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class Table:
    """A table as the catalog has it today, and its rows by the rules."""

    name: str
    folder: Path
    files: list
    # The expression that reads them in DuckDB.
    duckdb: str
    # Glue types by name: those of the columns, then those of the partition columns.
    columns: dict
    partitions: list
    # The columns that tell a row from every other one.
    key: tuple
    # The values of each column, in the order of `key`; timestamps in microseconds.
    expected: dict

    def expected_measures(self):
        return {name: measures(self.expected[name], kind) for name, kind in self.columns.items()}


def build(lake, landing):
    """Loads one generation after the other, and says where everything belongs."""
    bad_rows, tables = [], {}
    for name, generations in TABLES.items():
        rows = []
        for number, records in enumerate(generations):
            path = landing / name / f"{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(line(record) + b"\n" for record in records))
            arrived_at = FIRST_ARRIVAL + number * BETWEEN_ARRIVALS
            nanoseconds = micros(arrived_at) * 1_000
            os.utime(path, ns=(nanoseconds, nanoseconds))
            any_bad = any(isinstance(record, Bad) for record in records)
            report = lake.json("ingest", "--table", name, path, expect=3 if any_bad else 0)
            columns = Columns(lake.json("schema", name))
            arrival = {"arrived_at": micros(arrived_at), "dt": f"{arrived_at:%Y-%m-%d}"}
            rows += good_rows(records, path.as_uri(), arrival, columns)
            bad_rows += quarantined_rows(records, path.as_uri(), arrival, name, report)
        tables[name] = table(lake, name, ("_source", "_record"), rows)
    tables["quarantine"] = table(lake, "quarantine", ("source", "record"), bad_rows)
    return tables


def good_rows(records, source, arrival, columns):
    for index, record in enumerate(records):
        if not isinstance(record, Bad):
            system = {"_source": source, "_record": index, "_arrived_at": arrival["arrived_at"]}
            yield system | columns.row(record) | {"dt": arrival["dt"]}


def quarantined_rows(records, source, arrival, table_name, report):
    """Reason, place and bytes are ours; the words of the message are those of the report."""
    messages = {bad["record"]: bad["message"] for bad in report["bad_records"]}
    offset = 0
    for index, record in enumerate(records):
        content = line(record)
        if isinstance(record, Bad):
            kept = content[:QUARANTINED_BYTES_MAX]
            text = base64.b64encode(kept).decode() if record.encoding == "base64" else kept.decode()
            yield {
                "reason": record.reason,
                "message": messages[index],
                "source": source,
                "record": index,
                "offset": offset,
                "length": len(content),
                "bytes": text,
                "encoding": record.encoding,
                "complete": kept == content,
                "table_name": table_name,
                **arrival,
            }
        offset += len(content) + 1


def table(lake, name, key, rows):
    schema = lake.json("schema", name)
    partitions = {column["name"]: column["glue_type"] for column in schema["partition_columns"]}
    columns = lake.columns(name) | partitions
    rows = sorted(rows, key=lambda row: tuple(row[column] for column in key))
    assert all(row.keys() <= columns.keys() for row in rows), "a value without a column"
    return Table(
        name=name,
        folder=lake.directory / schema["location"],
        files=lake.files(name),
        duckdb=lake.run("files", name, "--sql", "duckdb").strip(),
        columns=columns,
        partitions=list(partitions),
        key=key,
        expected={column: [row.get(column) for row in rows] for column in columns},
    )
