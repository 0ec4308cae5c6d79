"""Many invocations at once on one table, each of which brings columns."""

import json
from concurrent.futures import ThreadPoolExecutor

from proxy import proxy

INVOCATIONS = 16
COLUMNS = 5


def load_at_once(stack, table):
    """Loads as many files as there are invocations, all at once; returns the columns they have."""
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
    return {name for file in names for name in file}


def test_no_column_is_lost(stack, sql):
    expected = load_at_once(stack, "storm")
    assert expected <= stack.columns("storm").keys()
    values = ", ".join(f"count({name})" for name in sorted(expected))
    assert sql(f"SELECT {values} FROM storm") == [(1,) * len(expected)]


def test_the_version_is_what_keeps_columns(stack):
    """The same without versions loses columns: the test above can fail."""

    def without_version(target, body):
        if not target.endswith(".UpdateTable"):
            return body
        request = json.loads(body)
        del request["VersionId"]
        return json.dumps(request).encode()

    name = stack.outputs()["IngestObjectsName"]
    variables = stack.functions.get_function_configuration(FunctionName=name)["Environment"]
    with proxy(stack.environment, "glue", without_version) as endpoint:
        changed = variables["Variables"] | {"AWS_ENDPOINT_URL_GLUE": endpoint}
        stack.functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": changed}
        )
        try:
            expected = load_at_once(stack, "careless")
        finally:
            stack.functions.update_function_configuration(FunctionName=name, Environment=variables)
    assert not expected <= stack.columns("careless").keys()
