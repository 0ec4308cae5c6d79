"""PyArrow: a dataset of the files under the schema of the catalog."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from conftest import arrow_type
from measures import MAP, element


class PyArrow:
    name = "PyArrow"
    version = pa.__version__

    def arrow(self, table):
        return dataset(table).to_table()

    def measures(self, table):
        arrow = self.arrow(table)
        return {name: sums(arrow[name], kind) for name, kind in table.columns.items()}

    def count(self, table, column, value):
        value = pa.scalar(value, arrow_type(table.columns[column]))
        return dataset(table).count_rows(filter=ds.field(column) == value)


def dataset(table):
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in table.columns.items()])
    partitions = pa.schema([schema.field(name) for name in table.partitions])
    partitioning = ds.partitioning(partitions, flavor="hive")
    root = str(table.folder)
    return ds.dataset(
        table.files, schema=schema, partitioning=partitioning, partition_base_dir=root
    )


def sums(column, kind):
    values = pc.count(column).as_py()
    if kind == MAP:
        keys = pa.chunked_array([chunk.keys for chunk in column.chunks], pa.string())
        texts = pa.chunked_array([chunk.items for chunk in column.chunks], pa.string())
        return (values, len(keys), total(keys, "string"), total(texts, "string"))
    if not element(kind):
        return (values, total(column, kind))
    elements = pc.list_flatten(column)
    return (values, len(elements), pc.count(elements).as_py(), total(elements, element(kind)))


def total(values, kind):
    if kind == "string":
        values = pc.utf8_length(values)
    if kind == "timestamp":
        values = values.cast(pa.int64())
    if kind in ("bigint", "timestamp"):
        # A sum of bigints is beyond a bigint.
        values = values.cast(pa.decimal128(38, 0))
    return pc.sum(values).as_py() or 0
