"""Many invocations at once on few tables, each of which brings columns."""

import datetime
import itertools
import json
import random
import re
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from proxy import proxy

INVOCATIONS = 16
COLUMNS = 5


@contextmanager
def glue_changed(stack, change):
    """The function reaches Glue through a proxy that changes its requests."""
    with proxy(stack.environment, "glue", change) as endpoint:
        with stack.configured({"AWS_ENDPOINT_URL_GLUE": endpoint}):
            yield


class Collision:
    """Holds the first two updates of each table until both have come: they have read one version.
    Views are left alone: not every one is written twice."""

    def __init__(self, change=lambda request: request):
        self.tables = defaultdict(lambda: (threading.Barrier(2), itertools.count()))
        self.lock = threading.Lock()
        self.change = change

    def __call__(self, target, body):
        if not target.endswith(".UpdateTable"):
            return body
        request = json.loads(body)
        name = request["TableInput"]["Name"]
        with self.lock:
            together, numbers = self.tables[name]
            number = next(numbers)
        if number < 2 and not name.endswith("_unified"):
            together.wait(timeout=60)
        return json.dumps(self.change(request)).encode()


def without_version(request):
    del request["VersionId"]
    return request


def load_all(stack, bucket, files):
    """Loads files, key to content, all at once; returns the counts of each."""
    stack.s3.create_bucket(Bucket=bucket)
    stack.let_read(bucket)
    for key, content in files.items():
        stack.s3.put_object(Bucket=bucket, Key=key, Body=content)

    def load(key):
        error, counts = stack.announce(bucket, key)
        assert error is None, counts
        return counts

    with ThreadPoolExecutor(len(files)) as pool:
        return list(pool.map(load, files))


def load_at_once(stack, table):
    """Loads as many files as there are invocations, all at once; returns the columns that they
    have and how often one was overtaken by another."""
    names = [[f"field_{n}_{column}" for column in range(COLUMNS)] for n in range(INVOCATIONS)]
    files = {
        f"{table}/{n}.json": json.dumps(dict.fromkeys(own, n)) for n, own in enumerate(names)
    }
    counts = load_all(stack, f"{table}-sources", files)
    assert sum(count["loaded"] for count in counts) == INVOCATIONS
    overtaken = sum(count["commit_conflicts"] for count in counts)
    return {name for file in names for name in file}, overtaken


def test_no_column_is_lost(stack, sql):
    with glue_changed(stack, Collision()):
        expected, overtaken = load_at_once(stack, "storm")
    assert overtaken > 0
    assert expected <= stack.columns("storm").keys()
    values = ", ".join(f"count({name})" for name in sorted(expected))
    assert sql(f"SELECT {values} FROM storm") == [(1,) * len(expected)]


def test_the_version_is_what_keeps_columns(stack):
    """The same without versions loses columns: the test above can fail."""
    with glue_changed(stack, Collision(without_version)):
        expected, _ = load_at_once(stack, "careless")
    assert not expected <= stack.columns("careless").keys()


VALUES = [1, -2.5, True, "text", "2026-11-24T10:00:00Z", [1, 2], ["a", None], [1, {"k": 2}], {"x": 1}, None, 2**70]
KEYS = ["mag", "tags", "userId", "user_id", "UserId", "user id", "_source", "dt"]


def leaves(record, path="$"):
    """Every value of a record that needs a place, by its path."""
    for key, value in record.items():
        below = path + (f".{key}" if re.fullmatch(r"[A-Za-z_]\w*", key, re.A) else f"[{json.dumps(key)}]")
        if isinstance(value, dict):
            yield from leaves(value, below)
        elif value is not None:
            yield below, value


def is_same(found, value):
    """Whether what a reader found in a column is this value, in its own type or as its text."""
    if isinstance(found, datetime.datetime):
        return isinstance(value, str) and found == datetime.datetime.fromisoformat(value)
    if isinstance(found, list) and isinstance(value, list):
        return len(found) == len(value) and all(map(is_same, found, value))
    if isinstance(found, str) and not isinstance(value, str):
        return json.loads(found) == value
    return found == value and isinstance(found, bool) == isinstance(value, bool)


def test_a_storm_of_invocations_leaves_every_value_in_its_place(stack, tmp_path):
    """Conflicting kinds, keys that would share a name, two tables that want one, and no table
    there before."""
    chance = random.Random(1)
    record = lambda: {key: chance.choice(VALUES) for key in chance.sample(KEYS, 4)} | {
        f"own_{chance.randrange(20)}": 1
    }
    records = {
        f"{table}/{n}.json": [record() for _ in range(3)]
        for n in range(INVOCATIONS) for table in ("drift", "Drift")
    }
    files = {key: "".join(json.dumps(r) + "\n" for r in own) for key, own in records.items()}
    with glue_changed(stack, Collision()):
        counts = load_all(stack, "drift-sources", files)
        # Delivered again, by sandboxes that know something or nothing.
        with ThreadPoolExecutor(INVOCATIONS) as pool:
            again = list(pool.map(lambda key: stack.announce("drift-sources", key), files))
    assert sum(count["commit_conflicts"] for count in counts) > 0
    assert all(error is None for error, _ in again)

    tables = stack.glue.get_tables(DatabaseName="alluvium")["TableList"]
    sources = {table["Parameters"].get("alluvium.source"): table for table in tables}
    rows = {}
    for source in ("drift", "Drift"):
        columns = sources[source]["StorageDescriptor"]["Columns"]
        kept = [(c["Name"], c["Parameters"]) for c in columns if "alluvium.path" in c.get("Parameters", {})]
        places = {(p["alluvium.path"], p["alluvium.kind"]) for _, p in kept}
        assert len(places) == len(kept) == len({name for name, _ in kept})
        found = stack.sql(f"SELECT * FROM {sources[source]['Name']}", tmp_path / "copies")
        for row in found.fetchall():
            row = dict(zip(found.columns, row))
            place = (row["_source"], row["_record"])
            assert place not in rows, "a row is there twice"
            rows[place] = {}
            for name, parameters in kept:
                values = rows[place].setdefault(parameters["alluvium.path"], [])
                values.append(row.get(name))
            rows[place]["_rescued"] = row.get("_rescued") or {}
    assert len(rows) == 3 * len(records)
    for key, own in records.items():
        for number, expected in enumerate(own):
            row = rows[f"s3://drift-sources/{key}", number]
            for path, value in leaves(expected):
                rescued = row["_rescued"].get(path)
                found = row.get(path, [])
                is_there = any(is_same(one, value) for one in found)
                is_rescued = rescued is not None and json.loads(rescued) == value
                assert is_there or is_rescued, f"{key} {number} {path}: {value} is not in {found}"
