"""Many invocations at once on one table, each of which brings columns."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from proxy import proxy

INVOCATIONS = 16
COLUMNS = 5


@contextmanager
def glue_changed(stack, change):
    """The function reaches Glue through a proxy that changes its requests."""
    name = stack.outputs()["IngestObjectsName"]
    found = stack.functions.get_function_configuration(FunctionName=name)["Environment"]
    with proxy(stack.environment, "glue", change) as endpoint:
        variables = found["Variables"] | {"AWS_ENDPOINT_URL_GLUE": endpoint}
        stack.functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        try:
            yield
        finally:
            stack.functions.update_function_configuration(FunctionName=name, Environment=found)


class Collision:
    """Holds the first two updates of a table until both have come: they have read one version."""

    def __init__(self, change=lambda request: request):
        self.together = threading.Barrier(2)
        self.numbers = iter(range(1_000_000))
        self.lock = threading.Lock()
        self.change = change

    def __call__(self, target, body):
        if not target.endswith(".UpdateTable"):
            return body
        with self.lock:
            number = next(self.numbers)
        if number < 2:
            self.together.wait(timeout=60)
        return json.dumps(self.change(json.loads(body))).encode()


def without_version(request):
    del request["VersionId"]
    return request


def load_at_once(stack, table):
    """Loads as many files as there are invocations, all at once; returns the columns that they
    have and how often one was overtaken by another."""
    bucket = f"{table}-sources"
    stack.s3.create_bucket(Bucket=bucket)
    stack.let_read(bucket)
    names = [[f"field_{n}_{column}" for column in range(COLUMNS)] for n in range(INVOCATIONS)]

    def load(number):
        key, record = f"{table}/{number}.json", dict.fromkeys(names[number], number)
        stack.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(record))
        error, counts = stack.announce(bucket, key)
        assert error is None, counts
        return counts

    with ThreadPoolExecutor(INVOCATIONS) as pool:
        counts = list(pool.map(load, range(INVOCATIONS)))
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
