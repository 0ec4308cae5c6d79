"""The deployed stack on the local AWS that `make test` starts around these tests."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "infra" / "local"))

from stack import Stack  # noqa: E402


@pytest.fixture(scope="session")
def stack():
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    assert endpoint.startswith("http://127.0.0.1:"), "no local AWS: run these tests by `make test`"
    return Stack.deploy(dict(os.environ))


@pytest.fixture
def sql(stack, tmp_path):
    """Rows of a query over the tables of the catalog, as DuckDB finds them."""
    return lambda query: stack.sql(query, tmp_path / "copies").fetchall()


@pytest.fixture
def deploy(stack, tmp_path):
    """Deploys a contract; afterwards there is none, as other tests expect."""
    deployed = []

    def deploy(name, text):
        path = tmp_path / name
        path.write_text(text)
        deployed.append(f"_alluvium/tables/{name}")
        return stack.deploy_contracts(path)

    yield deploy
    for key in deployed:
        stack.s3.delete_object(Bucket=stack.outputs()["LakeBucketName"], Key=key)
