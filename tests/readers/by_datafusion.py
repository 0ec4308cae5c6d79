"""DataFusion: the folder of the table under the schema of the catalog.

From Python it takes a folder and no list of files; that both are the same is tested.
"""

import datafusion
import pyarrow as pa
from conftest import arrow_type
from datafusion import SessionConfig, SessionContext, col, literal
from measures import MAP, by_column, element

NUMBERS = {
    "boolean": "CAST({} AS BIGINT)",
    "bigint": "CAST({} AS DECIMAL(38, 0))",
    "double": "{}",
    "timestamp": "CAST(CAST({} AS BIGINT) AS DECIMAL(38, 0))",
    "string": "character_length({})",
}


class DataFusion:
    name = "DataFusion"
    version = datafusion.__version__

    def __init__(self):
        self.context = SessionContext(SessionConfig().with_target_partitions(2))

    def arrow(self, table):
        return self.open(table).to_arrow_table()

    def measures(self, table):
        self.open(table)
        columns = table.columns.items()
        words = [word for name, kind in columns for word in sums(f'"{name}"', kind)]
        values = self.row(f"SELECT {', '.join(words)} FROM {table.name}")
        measured = by_column(table.columns, values)
        # Elements are added up in a query of their own, side by side.
        arrays = {name: element(kind) for name, kind in columns if element(kind)}
        if arrays:
            elements = ", ".join(f'unnest("{name}") AS "{name}"' for name in arrays)
            totals = ", ".join(total(f'"{name}"', kind) for name, kind in arrays.items())
            found = self.row(f"SELECT {totals} FROM (SELECT {elements} FROM {table.name})")
            for name, number in zip(arrays, found):
                measured[name] = (*measured[name][:3], number or 0)
        return measured

    def count(self, table, column, value):
        value = literal(pa.scalar(value, arrow_type(table.columns[column])))
        return self.open(table).filter(col(f'"{column}"') == value).count()

    def open(self, table):
        if not self.context.table_exist(table.name):
            types = {name: arrow_type(kind) for name, kind in table.columns.items()}
            partitions = [(name, types.pop(name)) for name in table.partitions]
            self.context.register_parquet(
                table.name, table.folder, partitions, schema=pa.schema(list(types.items()))
            )
        return self.context.table(table.name)

    def row(self, query):
        batch = self.context.sql(query).to_arrow_table()
        return [column[0].as_py() for column in batch.columns]


def total(column, kind):
    return f"sum({NUMBERS[kind].format(column)})"


def sums(column, kind):
    values = f"count({column})"
    if kind == MAP:
        sides = [f"array_to_string(map_{side}({column}), '')" for side in ("keys", "values")]
        entries = f"sum(array_length(map_keys({column})))"
        return [values, entries, *(total(side, "string") for side in sides)]
    if not element(kind):
        return [values, total(column, kind)]
    present = f"sum(array_length(array_compact({column})))"
    later = f"NULL AS {column}"
    return [values, f"sum(array_length({column}))", present, later]
