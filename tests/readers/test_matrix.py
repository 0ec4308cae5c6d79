"""Every reader reads every file under today's schema of its table: all columns, all rows.

What it must find is computed from the JSON by `placement.py`, which all readers are compared with,
and so with each other: value by value, and by the counts and sums that each computes itself.
"""

import re
import shutil
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from by_datafusion import DataFusion
from by_duckdb import DuckDB
from by_polars import Polars
from by_pyarrow import PyArrow
from by_spark import Spark
from conftest import COMMAND, ROOT, Lake
from generations import CLASSES, EDGES, TABLES
from java import spark_session
from measures import MAP, element
from placement import EPOCH, micros
from tables import build
from values import exact, plain

READERS = {
    "duckdb": lambda _: DuckDB(),
    "pyarrow": lambda _: PyArrow(),
    "polars": lambda _: Polars(),
    "datafusion": lambda _: DataFusion(),
    "spark_vectorised": lambda session: Spark(session(), vectorised=True),
    "spark_by_rows": lambda session: Spark(session(), vectorised=False),
}
README = (ROOT / "README.md").read_text()
TABLE_NAMES = [*TABLES, "quarantine"]


@pytest.fixture(scope="module")
def tables(request, tmp_path_factory):
    assert COMMAND.exists(), f"{COMMAND} is missing: `make test-readers` builds it"
    folder = tmp_path_factory.mktemp("matrix")
    yield build(Lake(folder / "lake"), folder / "landing")
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def spark(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as monkeypatch, spark_session(folder, monkeypatch) as session:
        yield session
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture(scope="module", params=READERS)
def reader(request):
    return READERS[request.param](lambda: request.getfixturevalue("spark"))


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_every_value_is_read(reader, tables, name):
    table = tables[name]
    found = plain(reader.arrow(table), table.columns, table.key)
    differing = {
        column: (found[column], expected)
        for column, expected in table.expected.items()
        if exact(found[column]) != exact(expected)
    }
    assert not differing


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_counts_and_sums_are_equal(reader, tables, name):
    assert reader.measures(tables[name]) == tables[name].expected_measures()


def test_a_filter_finds_every_value_it_asks_for(reader, tables):
    asked = [("evolution", column, value) for column, value in of_edges(tables["evolution"])]
    asked += [("pages", "n", 24_999), ("pages", "n", -1), ("pages", "word", "w6")]
    asked += [("pages", "half", 12_499.5), ("pages", "long", "00000007" * 25_000)]
    for name, column, value in asked:
        expected = tables[name].expected[column].count(counted(value))
        assert expected and reader.count(tables[name], column, value) == expected, (column, value)


def test_spark_computes_with_arrays_of_nulls(spark, tables):
    """Its generated code asks a dictionary for null elements too, even an empty one."""
    rows = Spark(spark, vectorised=True).open(tables["evolution"])
    found = [row[0] for row in rows.selectExpr("transform(list, x -> x + 1)").collect()]
    assert sorted(filter(None, found), key=len) == [[None], [2, None]]


def of_edges(table):
    """The edges as values of their columns."""
    for name in EDGES:
        value = next(value for value in table.expected[name] if value is not None)
        is_timestamp = table.columns[name] == "timestamp"
        yield name, EPOCH + timedelta(microseconds=value) if is_timestamp else value


def counted(value):
    return micros(value) if hasattr(value, "tzinfo") else value


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_files_hold_columns_in_the_types_of_the_catalog_and_nothing_else(tables, name):
    """What Athena and Trino need, who find columns by name and hardly take another type."""
    table = tables[name]
    columns = {name: table.columns[name] for name in table.columns if name not in table.partitions}
    known = dict(leaf for column, kind in columns.items() for leaf in leaves(column, kind))
    for file in map(pq.ParquetFile, table.files):
        found = [file.schema.column(index) for index in range(len(file.schema))]
        for leaf in found:
            assert known[leaf.path] == (leaf.physical_type, logical_type(leaf)), leaf.path
        names = file.schema_arrow.names
        assert names == [column for column in columns if column in names], "not in table order"
        empty = [column.null_count == len(column) for column in file.read().columns]
        assert not any(empty), "a column without a value"


SCALAR_LEAVES = {
    "boolean": ("BOOLEAN", "None"),
    "bigint": ("INT64", "None"),
    "double": ("DOUBLE", "None"),
    "timestamp": ("INT64", "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds)"),
    "string": ("BYTE_ARRAY", "String"),
}


def leaves(column, kind):
    """The Parquet columns of a column, with the field names of the specification."""
    if kind == MAP:
        sides = ("key", "value")
        return [(f"{column}.key_value.{side}", SCALAR_LEAVES["string"]) for side in sides]
    if element(kind):
        return [(f"{column}.list.element", SCALAR_LEAVES[element(kind)])]
    return [(column, SCALAR_LEAVES[kind])]


def logical_type(leaf):
    """The logical type, without what was made of it from older annotations."""
    return re.sub(r", is_from_converted_type=.*\)", ")", str(leaf.logical_type))


def test_the_tables_hold_what_they_are_for(tables):
    columns = tables["conflicts"].columns
    kinds = {"boolean", "bigint", "double", "timestamp", "string"}
    assert set(columns.values()) == kinds | {f"array<{kind}>" for kind in kinds} | {MAP}
    siblings = {name.partition("__")[2] for name in columns} - {"", *columns}
    assert siblings - {"source", "record", "rescued"} >= kinds | {"json"}
    # An array of nulls after another is the one order that gives no column.
    orders = [f"{before}_then_{after}" for before in CLASSES for after in CLASSES]
    bases = {name.removesuffix("_key").partition("__")[0] for name in columns}
    assert [order for order in orders if order not in bases] == ["nulls_then_nulls"]

    rescued = [path for row in tables["evolution"].expected["_rescued"] for path, _ in row or []]
    assert {"$.m#1", "$.m#2", "$.o.b#1", "$.only_nulls"} < set(rescued)
    assert any(len(path) > 1_024 for path in rescued)

    metadata = pq.ParquetFile(tables["pages"].files[0]).metadata
    assert metadata.num_row_groups > 1 and metadata.row_group(0).num_rows > 20_000
    for table in tables.values():
        partitions = zip(*(table.expected[name] for name in table.partitions))
        assert len(set(partitions)) > 1, f"{table.name} has one partition"
        in_folder = sorted(str(path) for path in table.folder.rglob("*.parquet"))
        assert sorted(table.files) == in_folder, "DataFusion reads the folder"


def test_the_readme_says_what_was_read(tables):
    rows = sum(len(table.expected[table.key[0]]) for table in tables.values())
    columns = sum(len(table.columns) for table in tables.values())
    files = sum(len(table.files) for table in tables.values())
    told = f"{len(tables)} tables with {columns} columns and {rows:,} rows in {files} files"
    assert told in README


def test_the_readme_names_the_version_of_each_reader(reader):
    assert f"\n| {reader.name} | {reader.version} | " in README
