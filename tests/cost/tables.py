"""The cost model as tables for people."""

import math

from cost.model import (
    ASSUMED,
    PRICES,
    Function,
    batch,
    file,
    firehose,
    glue,
    per_million_events,
    per_tb,
)

KB, MB, GB = 1_000, 1_000_000, 1_000_000_000
SIZES = {
    "1 KB": KB,
    "10 KB": 10 * KB,
    "100 KB": 100 * KB,
    "1 MB": MB,
    "10 MB": 10 * MB,
    "100 MB": 100 * MB,
    "1 GB": GB,
}
# Bytes of a record, records of a shard a second, and how long they are gathered.
STREAMS = [
    (400, 10, 60),
    (400, 100, 60),
    (400, 1_000, 60),
    (400, 1_000, 1),
    (2_000, 100, 60),
    (2_000, 500, 60),
    (10_000, 10, 60),
    (10_000, 100, 60),
    (100_000, 10, 60),
]
RECORDS_MAX = 10_000
# The defaults of the template; and less memory, with parts that fit into it.
DEFAULT, SMALL = 1_769, 256
PER_MONTH_HOURS = 730


def money(dollars):
    """Three digits that mean something, or all those before the point."""
    if dollars == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(dollars)))
    return f"{dollars:,.{digits}f}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def of_files(measured, spark_bytes):
    """Dollars per TB of JSON in files of each size; Glue only where its speed was measured."""
    x86, arm, small = Function(DEFAULT), Function(DEFAULT, "arm"), Function(SMALL)
    record = measured.record_bytes
    rows = []
    for name, size in SIZES.items():
        load = measured.at(size)
        tb = lambda dollars: money(per_tb(dollars, load))
        cost, on_arm, in_little = (file(load, function) for function in (x86, arm, small))
        of_firehose = firehose(record, load.json_bytes / record)
        of_glue = tb(glue(load, spark_bytes)) if spark_bytes else "not measured"
        rows.append(
            [name, *map(tb, cost), f"**{tb(cost.total())}**", tb(on_arm.total())]
            + [tb(in_little.total()), money(per_million_events(cost.total(), load, record))]
            + [tb(of_firehose), of_glue]
        )
    head = ["file", "Lambda", "S3 calls", "SQS", "compaction", "**together**", "on arm64"]
    head += [f"with {SMALL} MB", "a million events", "Firehose", "Glue"]
    return table(head, rows)


def of_streams(measured):
    """Dollars per TB of JSON in records of a stream."""
    x86, arm = Function(DEFAULT), Function(DEFAULT, "arm")
    rows = []
    for record, rate, window in STREAMS:
        most = min(RECORDS_MAX, ASSUMED["stream"]["batch_bytes_max"] // record)
        records = max(1, min(rate * window, most))
        load = measured.at(records * record)
        tb = lambda dollars: money(per_tb(dollars, load))
        cost, on_arm = batch(load, records, x86), batch(load, records, arm)
        rows.append(
            [f"{record:,} B", f"{rate:,}/s", f"{window} s", f"{records:,}", tb(cost.functions)]
            + [tb(cost.s3), tb(cost.delivery), tb(cost.compaction), f"**{tb(cost.total())}**"]
            + [tb(on_arm.total()), money(per_million_events(cost.total(), load, record))]
            + [tb(firehose(record, records)), tb(cost.delivery + firehose(record, records))]
        )
    head = ["record", "of a shard", "window", "a batch", "Lambda", "S3 calls", "Kinesis"]
    head += ["compaction", "**together**", "on arm64", "a million events", "Firehose"]
    head += ["Kinesis and Firehose"]
    return table(head, rows)


def of_sizes(measured):
    """What was measured."""
    rows = [
        [f"{load.json_bytes / KB:,.1f} KB", f"{load.cpu_seconds * 1e3:,.2f} ms"]
        + [f"{load.json_bytes / load.cpu_seconds / MB:,.1f} MB", f"{load.json_bytes / load.parquet_bytes:.1f}"]
        for load in measured.loads.values()
    ]
    return table(["file", "CPU a file", "JSON a second of CPU", "JSON : Parquet"], rows)


def standing():
    """What is paid by the month, whether anything comes or not."""
    stream = PRICES["kinesis"]["stream_hour"] * PER_MONTH_HOURS
    polls = 5 * 3 * 60 * PER_MONTH_HOURS * PRICES["sqs"]["request"]
    finishing = Function(DEFAULT).dollars(0.005, 4 * ASSUMED["lambda"]["round_trip_seconds"])
    finishing *= 12 * PER_MONTH_HOURS
    planning = PRICES["step_functions"]["transition"] * 3 * PER_MONTH_HOURS
    return (
        f"Each month, even if nothing comes: ${money(stream)} for the stream, ${money(polls)} for the"
        f" queue that is asked (five pollers, each three times a minute), ${money(finishing)} for"
        f" `finish-streams`, ${money(planning)} for steps that look for something to compact."
    )
