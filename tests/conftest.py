"""The command as a user has it, and two independent readers of what it writes."""

import json
import os
import random
import subprocess
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from peak import watch

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "local" / "alluvium"

KIB_MAX = 512 * 1024


def bounded(*words, expect=0):
    """What the command prints as JSON; it takes no more memory than it may."""
    ended = watch(COMMAND, *words, "--json")
    assert ended.code == expect, ended
    assert ended.kib < KIB_MAX, f"{words[0]} took {ended.kib} KiB"
    return json.loads(ended.printed)


class Lake:
    """A lake in a directory, and the command that works on it."""

    def __init__(self, directory: Path):
        self.directory = directory

    def start(self, *args, **popen):
        """Starts `alluvium ARGS --lake DIR`."""
        words = [COMMAND, *map(str, args), "--lake", self.directory]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(words, **(pipes | popen))

    def run(self, *args, expect=0, stdin=None):
        """Runs the command and returns what it prints, or else what it complains about."""
        process = self.start(*args, stdin=subprocess.PIPE)
        out, err = process.communicate(stdin)
        assert process.returncode == expect, f"exit {process.returncode}: {err}{out}"
        return out or err

    def json(self, *args, expect=0):
        return json.loads(self.run(*args, "--json", expect=expect))

    def columns(self, table):
        """Glue types by column name."""
        schema = self.json("schema", table)
        return {column["name"]: column["glue_type"] for column in schema["columns"]}

    def files(self, table):
        return [file["path"] for file in self.json("files", table)["files"]]

    def objects(self):
        """Everything in the lake but what a killed process may leave: path to bytes."""
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and "_alluvium/tmp" not in str(path)
        }

    def duckdb(self, table, select="*"):
        """Rows as DuckDB reads them through the expression that the command prints."""
        source = self.run("files", table, "--sql", "duckdb").strip()
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"SELECT {select} FROM {source}").fetchall()

    def pyarrow(self, table):
        """The table as PyArrow reads it under the schema of the catalog."""
        fields = [pa.field(name, arrow_type(kind)) for name, kind in self.columns(table).items()]
        return ds.dataset(self.files(table), schema=pa.schema(fields)).to_table()

    def values(self, table):
        """How many values each column has, and that both readers agree."""
        columns = self.columns(table)
        by_pyarrow = self.pyarrow(table)
        found = {name: len(by_pyarrow) - by_pyarrow[name].null_count for name in columns}
        # A column that no file has yet is unknown to whoever reads without the catalog.
        names = [name for name in columns if found[name]]
        counts = ", ".join(f'count("{name}")' for name in names)
        by_duckdb = dict(zip(names, self.duckdb(table, counts)[0]))
        assert by_duckdb == {name: found[name] for name in names}
        return found


def arrow_type(glue_type):
    """The type that a reader expects for a Glue type."""
    if glue_type == "map<string,string>":
        return pa.map_(pa.string(), pa.string())
    if glue_type.startswith("array<"):
        return pa.list_(arrow_type(glue_type.removeprefix("array<").removesuffix(">")))
    return {
        "boolean": pa.bool_(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "string": pa.string(),
    }[glue_type]


@pytest.fixture
def lake(tmp_path):
    assert COMMAND.exists(), f"{COMMAND} is missing: `make test` builds it"
    return Lake(tmp_path / "lake")


@pytest.fixture
def drop(tmp_path):
    """Writes a file into the landing folder and returns its path."""

    def drop(name, content):
        path = tmp_path / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return drop


@pytest.fixture
def chance():
    """Random numbers that are others each time. Those of a run that failed are in its output; what
    a moment meets is up to the machine."""
    seed = int(os.environ.get("ALLUVIUM_SEED") or random.randrange(1 << 32))
    print(f"ALLUVIUM_SEED={seed}")
    return random.Random(seed)
