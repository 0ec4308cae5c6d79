"""Every function of the template gets to its first look for work, and asks nobody else before.

How long that takes is measured by `make measure-start`, and is no matter of tests.
"""

import json

import pytest

from sandbox import ROOT, accepted, functions, started

FUNCTIONS = functions()


def test_the_functions_are_those_of_the_makefile():
    [line] = [
        line for line in (ROOT / "Makefile").read_text().splitlines()
        if line.startswith("FUNCTIONS := ")
    ]
    binaries = sorted({function.binary for function in FUNCTIONS})
    assert binaries == line.removeprefix("FUNCTIONS := ").split()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_asks_for_work_before_it_asks_for_anything_else(function):
    with started(function, "local") as (process, took, _, _):
        assert took.calls == 0
        assert process.poll() is None


def test_what_a_function_takes_for_aws_is_where_it_calls():
    """Or there would be no calls to count."""
    [function] = [function for function in FUNCTIONS if function.name == "ingest-objects"]
    event = (ROOT / "events/ingest-objects/s3.json").read_bytes()
    with started(function, "local") as (process, _, connection, aws):
        head = (
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 8476a536\r\n"
            "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:1:function:f\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(event)}\r\n\r\n"
        )
        connection.sendall(head.encode() + event)
        with accepted(aws, process) as called:
            assert called.recv(65_536).startswith((b"GET /", b"POST /"))
