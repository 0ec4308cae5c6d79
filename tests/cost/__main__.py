"""What Alluvium costs, beside Firehose and Glue: `make cost`.

    python -m cost COMMAND [--without-spark]
"""

import argparse
import os
from datetime import datetime, timezone
from pathlib import Path

from cost import by_spark, tables
from cost.measure import measure
from cost.model import ASSUMED, CALLS

FOLDER = Path(__file__).resolve().parents[2] / "target" / "cost"
ASSUMPTIONS = """\
Prices are list prices of us-east-1 as `tests/cost/prices.toml` has them, UNVERIFIED FOR THE CURRENT
MONTH, without storage, free tiers, and what producers pay to drop a file. Events are flat telemetry.
CPU time is that of the command on a lake in a directory, in this run; it includes a SHA-256 of each
file, which functions do without. Calls are those that `tests/calls.rs` counts: a file takes {object[gets]} GET,
{object[puts]} PUT and {object[round_trips]} round trips, a batch of a stream {batch[gets]}, {batch[puts]} and {batch[round_trips]}, in partitions that are there and in
warm sandboxes with one message an invocation, as the template has it.
ASSUMED, not measured (`tests/cost/assumed.toml`): a core of this machine for {lambda[vcpu_megabytes]:,} MB of memory,
x86 or arm64; {lambda[round_trip_seconds]} s a round trip, in which Lambda is billed, too; {lambda[call_cpu_seconds]} s of CPU a call; each byte
of Parquet merged {compaction[times_merged]} times. Firehose rounds each record up to 5 KB, Kinesis to 1 KB, and Firehose needs
a schema that somebody keeps. Glue is Spark as measured here, on all {glue[vcpus_per_dpu]} vCPUs of a DPU without a pause;
what a job takes to start and to open each file, and the minute of two DPU that it is billed at
least, are left out.
""".format(**ASSUMED, **CALLS)


def main():
    words = argparse.ArgumentParser(prog="cost")
    words.add_argument("command", type=Path)
    words.add_argument("--without-spark", action="store_true")
    given = words.parse_args()
    measured = measure(given.command, FOLDER)
    spark = None if given.without_spark else by_spark.bytes_per_cpu_second(FOLDER)
    print(f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, {given.command}\n")
    print(ASSUMPTIONS)
    print(f"Measured, with records of {measured.record_bytes:.0f} bytes:\n\n{tables.of_sizes(measured)}\n")
    if spark:
        print(f"Spark took a second of CPU for {spark / 1e6:.1f} MB.\n")
    print(f"Dollars per TB of JSON in files\n\n{tables.of_files(measured, spark)}\n")
    print(f"Dollars per TB of JSON in records of a stream\n\n{tables.of_streams(measured)}\n")
    print(tables.standing())


if __name__ == "__main__":
    main()
