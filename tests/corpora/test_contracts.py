"""Contracts on real events: partitions, types and counts against what Python reads in them."""

import json
import os
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import pytest

CORPORA = Path(os.environ["ALLUVIUM_CORPORA"]).resolve()
CLEAN = {"missing": 0, "different": 0, "doubled": 0, "findings": [], "damaged_files": []}
NOWHERE = "__HIVE_DEFAULT_PARTITION__"


def events(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def scalar(value):
    """A scalar as the text of a partition."""
    if value in (None, "") or isinstance(value, (dict, list)):
        return NOWHERE
    return value if isinstance(value, str) else json.dumps(value)


def by_partition(lake, table, *columns):
    """Rows of each partition, as DuckDB reads them from the paths of the files."""
    names = ", ".join(f'"{column}"' for column in columns)
    rows = lake.duckdb(table, f"{names}, _source, _record")
    shown = [tuple(NOWHERE if value is None else value for value in row[:-2]) for row in rows]
    assert len({row[-2:] for row in rows}) == len(rows), "a record twice"
    return Counter(shown)


def load(lake, contract, paths, **expected):
    report = lake.json("ingest", "--contract", contract, *paths, expect=expected.pop("exit", 0))
    assert expected.items() <= report.items()
    found = lake.json("verify", "--contract", contract, *paths)
    assert CLEAN.items() <= found.items()
    assert found["records"] == report["records"]
    return report


CLOUDTRAIL = """
table = "cloudtrail"

[time]
event_time = "$.eventTime"
window = { past = "30m", future = "15m" }

[partition]
by = ["hour(event_time)", "identity($.awsRegion) as region"]

[columns]
"$.requestParameters" = { type = "json" }
"$.sourceIPAddress" = { drop = true }
"$.userIdentity.principalId" = { drop = true }
"""


def test_a_trail_by_the_hour_in_which_it_happened(lake, drop, tmp_path):
    [path] = (CORPORA / "cloudtrail_invictus").glob("*.ndjson")
    file = drop("cloudtrail/events.ndjson", path.read_bytes())
    all_events = events(path)
    times = sorted(event["eventTime"] for event in all_events)
    # It arrives in the middle of what it tells, so that some is late and some is early.
    arrival = datetime.fromisoformat(times[len(times) // 2]).replace(tzinfo=timezone.utc)
    os.utime(file, (arrival.timestamp(), arrival.timestamp()))
    (tmp_path / "cloudtrail.toml").write_text(CLOUDTRAIL)
    load(lake, tmp_path / "cloudtrail.toml", [file], loaded=len(all_events))

    def partition(event):
        time = datetime.fromisoformat(event["eventTime"])
        believed = -30 * 60 <= (time - arrival).total_seconds() <= 15 * 60
        day, hour = (event["eventTime"][:10], event["eventTime"][11:13]) if believed else (NOWHERE,) * 2
        return day, hour, scalar(event.get("awsRegion"))

    expected = Counter(map(partition, all_events))
    assert 0 < sum(count for (day, *_), count in expected.items() if day == NOWHERE) < len(all_events)
    assert by_partition(lake, "cloudtrail", "dt", "hr", "region") == expected

    columns = lake.columns("cloudtrail")
    assert columns["request_parameters"] == "string" and columns["event_time"] == "timestamp"
    assert not [name for name in columns if name.startswith("request_parameters_")]
    assert not {"source_ip_address", "user_identity_principal_id"} & columns.keys()
    kept = lake.duckdb("cloudtrail", "_record, request_parameters")
    for record, text in kept:
        value = all_events[record].get("requestParameters")
        assert (value or None) == (text and json.loads(text))


WINDOWS = """
table = "windows"

[time]
event_time = "$.EventTime"
format = "%Y-%m-%d %H:%M:%S"

[partition]
by = ["day(event_time)", "identity($.Channel)"]

[schema]
mode = "MODE"

[columns]
"$.event_data" = { type = "json" }
"$.Keywords" = { type = "string" }
"$.Task" = { type = "bigint" }
"$.EventID" = { type = "bigint" }
"$.Channel" = { type = "string" }
"$.EventTime" = { type = "string" }
"""


def contract(tmp_path, mode):
    path = tmp_path / "windows.toml"
    path.write_text(WINDOWS.replace("MODE", mode))
    return path


def windows_partition(event):
    time = event.get("EventTime")
    plain = isinstance(time, str) and len(time) == 19 and time[10] == " "
    return time[:10] if plain else NOWHERE, scalar(event.get("Channel"))


@pytest.fixture
def windows():
    paths = sorted((CORPORA / "windows_events_epochs").glob("*.ndjson"))
    return paths, [event for path in paths for event in events(path)]


def test_epochs_of_windows_events_by_a_time_of_their_own(lake, windows, tmp_path):
    paths, all_events = windows
    load(lake, contract(tmp_path, "evolve"), paths, loaded=len(all_events))
    expected = Counter(map(windows_partition, all_events))
    assert len(expected) > 10
    assert by_partition(lake, "windows", "dt", "channel") == expected
    columns = lake.json("schema", "windows")["columns"]
    said = [(column["name"], column["parameters"]) for column in columns]
    firsts = [(name, told) for name, told in said
              if "alluvium.path" in told and "alluvium.sibling_of" not in told]
    kinds = {told["alluvium.path"]: told["alluvium.kind"] for _, told in firsts}
    names = {told["alluvium.path"]: name for name, told in firsts}
    declared = {"$.event_data": "json", "$.Keywords": "string", "$.Task": "bigint"}
    assert declared.items() <= kinds.items()
    # Integers are text where text was declared, and numbers in text are numbers where numbers were.
    keywords = Counter(str(event["Keywords"]) for event in all_events if "Keywords" in event)
    stored = lake.duckdb("windows", f'"{names["$.Keywords"]}"')
    assert Counter(value for (value,) in stored if value is not None) == keywords

    def integer(value):
        text = value if isinstance(value, str) else json.dumps(value)
        return int(text) if text.lstrip("-").isdigit() and str(int(text)) == text else None

    tasks = Counter(integer(event["Task"]) for event in all_events if "Task" in event)
    stored = Counter(value for (value,) in lake.duckdb("windows", f'"{names["$.Task"]}"'))
    del tasks[None], stored[None]
    assert stored == tasks and any(isinstance(event.get("Task"), str) for event in all_events)


def test_a_frozen_table_keeps_what_is_new_in_rescued(lake, windows, tmp_path):
    paths, all_events = windows
    report = load(lake, contract(tmp_path, "freeze"), paths, loaded=len(all_events))
    assert report["columns_added"] == 6 and report["rescued_values"] > len(all_events)
    columns = [name for name in lake.columns("windows") if not name.startswith("_")]
    assert sorted(columns) == sorted(
        {"event_data", "keywords", "task", "event_id", "channel_" + channel_hash(lake), "event_time"}
    )


def channel_hash(lake):
    """A data column never takes the name of a partition column."""
    [name] = [name for name in lake.columns("windows") if name.startswith("channel_")]
    return name.removeprefix("channel_")


def test_a_strict_table_quarantines_what_is_new(lake, windows, tmp_path):
    paths, all_events = windows
    strict = contract(tmp_path, "quarantine")
    report = lake.json("ingest", "--contract", strict, *paths, expect=3)
    known = {"event_data", "Keywords", "Task", "EventID", "Channel", "EventTime"}
    fits = sum(not event.keys() - known for event in all_events)
    assert report["loaded"] <= fits
    assert report["quarantined"] == {"contract": len(all_events) - report["loaded"]}
    found = lake.json("verify", "--contract", strict, *paths)
    assert CLEAN.items() <= found.items()
    [(refused,)] = lake.duckdb("quarantine", "count(*)")
    assert refused == report["quarantined"]["contract"]


def test_a_route_makes_a_table_for_each_collector(lake, windows, tmp_path):
    paths, all_events = windows
    routed = tmp_path / "events.toml"
    routed.write_text('table = "events"\n[source]\nprefix = "events/"\nroute = "$.Channel"\n')
    load(lake, routed, paths, loaded=len(all_events))
    tables = {table["table"] for table in lake.json("tables")["tables"]}
    expected = Counter(scalar(event.get("Channel")) for event in all_events)
    found = Counter()
    for table in tables:
        for (rows, channels, channel) in lake.duckdb(
            table, "count(*), count(DISTINCT channel), any_value(channel)"
        ) if "channel" in lake.columns(table) else [
            (*lake.duckdb(table, "count(*)")[0], 0, None)
        ]:
            assert channels <= 1
            found[channel or NOWHERE] += rows
    assert found == expected and len(tables) == len(expected)
