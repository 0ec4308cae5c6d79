"""Who loads JSON into Parquet beside Alluvium: `python contenders.py PEER FILE OUT THREADS`.

Every peer infers the schema by itself, keeps objects as structs, writes zstd at level 3, and uses
so many threads. What importing it takes is printed, so that it does not count against it.
"""

import json
import os
import sys
import time
from pathlib import Path

ZSTD_LEVEL = 3


def duckdb_sampled(source, out, threads):
    """As it is out of the box: it looks at 20,480 records, and makes one map of JSON texts of
    records that have many different keys."""
    duckdb_load(source, out, threads, "")


def duckdb_full(source, out, threads):
    duckdb_load(source, out, threads, ", sample_size = -1")


def duckdb_without_maps(source, out, threads):
    """The only one of the three that always gives columns, as the others do."""
    duckdb_load(source, out, threads, ", sample_size = -1, map_inference_threshold = -1")


def duckdb_load(source, out, threads, options):
    import duckdb

    ready()
    connection = duckdb.connect(config={"threads": threads})
    read = f"read_json('{source}', format = 'newline_delimited'{options})"
    written = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {ZSTD_LEVEL}"
    connection.execute(f"COPY (SELECT * FROM {read}) TO '{out}' ({written})")


def polars(source, out, threads):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    ready()
    # By its default it looks at a hundred records and refuses whatever comes later.
    records = pl.scan_ndjson(source, infer_schema_length=None)
    records.sink_parquet(out, compression="zstd", compression_level=ZSTD_LEVEL)


def pyarrow(source, out, threads):
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet

    ready()
    pa.set_cpu_count(threads)
    # By its default no record may be larger than a mebibyte.
    options = pa.json.ReadOptions(use_threads=threads > 1, block_size=16 << 20)
    table = pa.json.read_json(source, read_options=options)
    pa.parquet.write_table(table, out, compression="zstd", compression_level=ZSTD_LEVEL)


def clickhouse(source, out, threads):
    import chdb

    ready()
    settings = {
        "max_threads": threads,
        "max_parsing_threads": threads,
        "max_insert_threads": threads,
        "input_format_parallel_parsing": int(threads > 1),
        "output_format_parquet_parallel_encoding": int(threads > 1),
        "output_format_parquet_compression_method": "'zstd'",
        "output_format_compression_level": ZSTD_LEVEL,
    }
    chosen = ", ".join(f"{name} = {value}" for name, value in settings.items())
    chdb.query(
        f"INSERT INTO FUNCTION file('{out}', Parquet) SELECT * FROM file('{source}', JSONEachRow)"
        f" SETTINGS {chosen}"
    )


PEERS = {
    "DuckDB, sampled": duckdb_sampled,
    "DuckDB, full sample": duckdb_full,
    "DuckDB, full sample, no maps": duckdb_without_maps,
    "Polars": polars,
    "PyArrow": pyarrow,
    "ClickHouse": clickhouse,
}


def ready():
    """Says what it took until the work begins."""
    print(json.dumps({"import_cpu_seconds": time.process_time()}), flush=True)


def look(*files):
    """Says what is in Parquet files, by their footers."""
    import pyarrow.parquet

    footers = [pyarrow.parquet.read_metadata(file) for file in files]
    columns = {f.schema.column(n).path for f in footers for n in range(f.num_columns)}
    rows = sum(footer.num_rows for footer in footers)
    size = sum(Path(file).stat().st_size for file in files)
    print(json.dumps({"rows": rows, "columns": len(columns), "out_bytes": size}))


def main():
    if sys.argv[1] == "look":
        return look(*sys.argv[2:])
    peer, source, out, threads = sys.argv[1:]
    try:
        PEERS[peer](source, out, int(threads))
    # Some raise what is no exception, when they panic.
    except BaseException as error:
        # ClickHouse begins with all that did not work because of it.
        text = " ".join(str(error).split()).split("DB::Exception: ")[-1]
        sys.exit(f"{type(error).__name__}: {text}".replace(source, "the file"))


if __name__ == "__main__":
    main()
