"""Polars: a lazy scan of the files under the schema of the catalog.

A map is a list of structs here: Polars has no maps.
"""

import polars as pl
from measures import MAP, by_column, element

TYPES = {
    "boolean": pl.Boolean(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "timestamp": pl.Datetime("us", "UTC"),
    "string": pl.String(),
    MAP: pl.List(pl.Struct({"key": pl.String(), "value": pl.String()})),
}


class Polars:
    name = "Polars"
    version = pl.__version__

    def arrow(self, table):
        return scan(table).collect().to_arrow()

    def measures(self, table):
        words = [word for name, kind in table.columns.items() for word in sums(name, kind)]
        named = [word.alias(str(number)) for number, word in enumerate(words)]
        return by_column(table.columns, scan(table).select(named).collect().row(0))

    def count(self, table, column, value):
        value = pl.lit(value, TYPES[table.columns[column]])
        return scan(table).filter(pl.col(column) == value).select(pl.len()).collect().item()


def scan(table):
    schema = {name: polars_type(kind) for name, kind in table.columns.items()}
    partitions = {name: schema.pop(name) for name in table.partitions}
    return pl.scan_parquet(
        table.files,
        schema=schema,
        missing_columns="insert",
        hive_partitioning=True,
        hive_schema=partitions,
    )


def polars_type(kind):
    return pl.List(TYPES[element(kind)]) if element(kind) else TYPES[kind]


def sums(name, kind):
    column = pl.col(name)
    if kind == MAP:
        entries = column.explode().struct
        sides = [total(entries.field(side), "string") for side in ("key", "value")]
        return [column.count(), column.list.len().sum(), *sides]
    if not element(kind):
        return [column.count(), total(column, kind)]
    elements = column.explode()
    present = elements.count()
    return [column.count(), column.list.len().sum(), present, total(elements, element(kind))]


def total(values, kind):
    if kind == "string":
        values = values.str.len_chars()
    if kind == "timestamp":
        values = values.dt.timestamp("us")
    if kind in ("bigint", "timestamp"):
        # A sum of bigints is beyond a bigint.
        values = values.cast(pl.Int128)
    return values.sum()
