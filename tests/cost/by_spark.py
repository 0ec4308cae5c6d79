"""The same files by Spark, which is what a job of AWS Glue runs.

`python -m cost.by_spark IN OUT` has Spark find the columns of a file of JSON and write it as Parquet;
`bytes_per_cpu_second` has it do so with two sizes, so that its start does not count.
"""

import os
import shutil
import sys
from pathlib import Path

from bench.generate import MB, write
from peak import watch

SIZES = (64 * MB, 256 * MB)


def bytes_per_cpu_second(folder):
    folder.mkdir(parents=True)
    try:
        took = [seconds(folder, size) for size in SIZES]
        return (SIZES[1] - SIZES[0]) / (took[1] - took[0])
    finally:
        shutil.rmtree(folder)


def seconds(folder, size):
    source, target = folder / "in.json", folder / f"{size}.parquet"
    write("telemetry", size, source)
    took = watch(sys.executable, "-B", "-m", "cost.by_spark", source, target)
    if took.code:
        raise RuntimeError(f"Spark ended with {took.code}: {took.printed}")
    return took.cpu_seconds


class Environment:
    """What starts Spark sets variables of a test; here they are those of this process."""

    setenv = staticmethod(os.environ.__setitem__)


def main(source, target):
    # It takes 900 MB of packages, which nothing but this module needs here.
    from readers.java import spark_session

    folder = Path(f"{target}.spark").absolute()
    folder.mkdir()
    with spark_session(folder, Environment) as session:
        rows = session.read.json(source)
        rows.write.option("compression", "zstd").parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
