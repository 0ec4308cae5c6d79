"""DuckDB, by the expression that `alluvium files --sql duckdb` prints.

It knows a column only from the files, so the columns of the catalog are put before them.
"""

import duckdb
from measures import MAP, by_column, element

TYPES = {
    "boolean": "BOOLEAN",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    MAP: "MAP(VARCHAR, VARCHAR)",
}
NUMBERS = {
    "boolean": "{}::HUGEINT",
    "bigint": "{}::HUGEINT",
    "double": "{}",
    "timestamp": "epoch_us({})::HUGEINT",
    "string": "length({})::HUGEINT",
}


class DuckDB:
    name = "DuckDB"
    version = duckdb.__version__

    def __init__(self):
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")

    def arrow(self, table):
        return self.connection.sql(f"SELECT * FROM {self.today(table)}").to_arrow_table()

    def measures(self, table):
        words = [word for name, kind in table.columns.items() for word in sums(f'"{name}"', kind)]
        query = f"SELECT {', '.join(words)} FROM {self.today(table)}"
        return by_column(table.columns, self.connection.sql(query).fetchall()[0])

    def count(self, table, column, value):
        query = f'SELECT count(*) FROM {self.today(table)} WHERE "{column}" = ?'
        return self.connection.sql(query, params=[value]).fetchall()[0][0]

    def today(self, table):
        """The files under the columns that the catalog has today."""
        types = {name: sql_type(kind) for name, kind in table.columns.items()}
        found = self.connection.sql(f"DESCRIBE SELECT * FROM {table.duckdb}").fetchall()
        for name, type_in_files, *_ in found:
            assert type_in_files == types[name], f"{name} is {type_in_files}"
        columns = [f'NULL::{sql_type} AS "{name}"' for name, sql_type in types.items()]
        nothing = f"SELECT {', '.join(columns)} LIMIT 0"
        return f"(({nothing}) UNION ALL BY NAME SELECT * FROM {table.duckdb})"


def sql_type(kind):
    return f"{TYPES[element(kind)]}[]" if element(kind) else TYPES[kind]


def sums(column, kind):
    if kind == MAP:
        characters = [
            f"sum(list_sum(list_transform(map_{side}({column}), lambda x: length(x)::HUGEINT)))"
            for side in ("keys", "values")
        ]
        return [f"count({column})", f"sum(cardinality({column}))", *characters]
    if not element(kind):
        return [f"count({column})", f"sum({NUMBERS[kind].format(column)})"]
    number = NUMBERS[element(kind)].format("x")
    return [
        f"count({column})",
        f"sum(len({column}))",
        f"sum(len(list_filter({column}, lambda x: x IS NOT NULL)))",
        f"sum(list_sum(list_transform({column}, lambda x: {number})))",
    ]
