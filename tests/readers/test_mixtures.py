"""The unified view of every table of the matrix, with each class of value after each other one and
beside it: as `alluvium schema --view --sql duckdb` has it, and as Athena reads what stands in the
Glue catalog, which another program than ours translates for DuckDB.

What it must show follows from the JSON alone, by `placement.py` and the table in README.md.
"""

import json
import shutil
from datetime import timedelta

import duckdb
import pytest
import sqlglot
from conftest import Lake
from generations import TABLES
from measures import MAP, element
from placement import EPOCH
from tables import build
from values import exact

SYSTEM = ["_source", "_record", "_arrived_at", "_rescued"]
TYPES = {
    "boolean": "BOOLEAN",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
}


@pytest.fixture(scope="module")
def lake(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unified")
    lake = Lake(folder / "lake")
    lake.tables = build(lake, folder / "landing")
    yield lake
    if not request.session.testsfailed:
        shutil.rmtree(folder)


def by_the_command(lake, name):
    """The query for DuckDB; it does not depend on the time zone of the session."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Kolkata'")
    return connection, lake.run("schema", name, "--view", "--sql", "duckdb")


def as_athena_reads_it(lake, name):
    """The query for Presto over the table under its own name."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA alluvium")
    table = lake.tables[name]
    nulls = [f'NULL::{sql_type(kind)} AS "{column}"' for column, kind in table.columns.items()]
    connection.execute(
        f'CREATE VIEW alluvium."{name}" AS SELECT {", ".join(nulls)} WHERE false '
        f"UNION ALL BY NAME SELECT * FROM {table.duckdb}"
    )
    [query] = sqlglot.transpile(lake.run("schema", name, "--view"), read="athena", write="duckdb")
    return connection, query


def sql_type(kind):
    if kind == MAP:
        return "MAP(VARCHAR, VARCHAR)"
    return f"{TYPES[element(kind)]}[]" if element(kind) else TYPES[kind]


def paths(lake, name):
    """The columns of each path with their kinds, the first one first."""
    found = {}
    for column in lake.json("schema", name)["columns"]:
        parameters = column["parameters"]
        if path := parameters.get("alluvium.path"):
            found.setdefault(path, []).append((column["name"], parameters["alluvium.kind"]))
    return found


def rfc3339(micros):
    return (EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text(value, kind):
    """A value of the table as text, where JSON may be written in more than one way: as values."""
    if kind == "timestamp":
        return rfc3339(value)
    if kind == "array<timestamp>":
        return [item and rfc3339(item) for item in value]
    if kind == "json":
        return json.loads(value)
    if kind == "boolean":
        return str(value).lower()
    return value if isinstance(value, list) else str(value)


def unified(columns, table):
    """The kind of a path's column in the view, and its values."""
    kinds = [kind for _, kind in columns]
    cells = list(zip(*(table.expected[name] for name, _ in columns)))
    if len(columns) == 1:
        kind = "string" if kinds == ["json"] else kinds[0]
        return kind, [cell for (cell,) in cells]
    numbers = set(kinds) <= {"bigint", "double"}
    cell = lambda value, kind: float(value) if numbers else text(value, kind)
    values = [
        next((cell(value, kind) for value, kind in zip(row, kinds) if value is not None), None)
        for row in cells
    ]
    return "double" if numbers else "string", values


def as_values(found, expected):
    """JSON text as values where values are expected."""
    is_json = lambda one, wanted: isinstance(one, str) and isinstance(wanted, (list, dict))
    return [json.loads(f) if is_json(f, e) else f for f, e in zip(found, expected)]


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("reader", [by_the_command, as_athena_reads_it])
def test_a_path_is_one_column_with_all_its_values(lake, reader, name):
    connection, query = reader(lake, name)
    table = lake.tables[name]
    expected = {column: (table.columns[column], table.expected[column]) for column in SYSTEM[:3]}
    rescued = [entries and dict(entries) for entries in table.expected["_rescued"]]
    expected["_rescued"] = "string", rescued
    expected |= {of[0][0]: unified(of, table) for of in paths(lake, name).values()}
    expected |= {c: (table.columns[c], table.expected[c]) for c in table.partitions}

    relation = connection.sql(f"SELECT * FROM ({query}) ORDER BY _source, _record")
    types = dict(zip(relation.columns, map(str, relation.types)))
    assert types == {column: sql_type(kind) for column, (kind, _) in expected.items()}
    assert list(types) == list(expected)
    micros = [
        f'epoch_us("{column}")' if kind == "timestamp"
        else f'list_transform("{column}", lambda x: epoch_us(x))' if kind == "array<timestamp>"
        else f'"{column}"'
        for column, (kind, _) in expected.items()
    ]
    rows = connection.sql(f"SELECT {', '.join(micros)} FROM ({query}) ORDER BY _source, _record")
    found = dict(zip(expected, map(list, zip(*rows.fetchall()))))
    differing = {
        column: (found[column], values)
        for column, (_, values) in expected.items()
        if exact(as_values(found[column], values)) != exact(values)
    }
    assert not differing


def test_there_is_a_path_for_every_mixture(lake):
    """Or the test above would prove little."""
    mixtures = {tuple(kind for _, kind in of) for of in paths(lake, "conflicts").values()}
    siblings = {(base, sibling) for base, *others in mixtures for sibling in others}
    scalars = ["boolean", "bigint", "double", "timestamp", "string"]
    bases = [*scalars, *(f"array<{scalar}>" for scalar in scalars), "json"]
    for base in bases:
        fits = {"string": scalars, "json": ["json"]}.get(base, [base])
        if base == "double":
            fits = ["double"]
        wanted = {(base, kind) for kind in [*scalars, "json"] if kind not in fits}
        assert wanted <= siblings, base
