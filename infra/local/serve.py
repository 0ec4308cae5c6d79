"""MiniStack as an application, with four things put right.

The template refuses whatever does not come over TLS, and the local AWS holds every caller to its
policies. On the loopback interface there is no TLS, so each request says that it came over it.

Glue replaces a table by compare-and-set. MiniStack 1.5.33 compares and sets in two steps and
serves each request in a thread, so here requests to its Glue come one at a time. It deletes
partitions only one by one; here `BatchDeletePartition` is many of these.

S3 copies an object on condition that nothing is there (`CopyObject` with `If-None-Match`).
MiniStack 1.5.33 asks for such conditions only when an object is put, so here it is made to ask
before it copies, too.

It also counts what functions ask of S3 and Glue: GET `/_alluvium/calls` answers with the counts.
"""

import json
import threading
from collections import Counter
from urllib.parse import parse_qs

from ministack.app import app as ministack
from ministack.services import glue, s3

TLS = (b"x-forwarded-proto", b"https")

handle = glue._handle_request_sync
one_at_a_time = threading.Lock()


def handle_alone(method, path, headers, body, query):
    with one_at_a_time:
        if headers.get("x-amz-target", "").endswith(".BatchDeletePartition"):
            return delete_partitions(json.loads(body))
        return handle(method, path, headers, body, query)


def delete_partitions(request):
    for partition in request["PartitionsToDelete"]:
        glue._delete_partition({**request, "PartitionValues": partition["Values"]})
    return glue.json_response({"Errors": []})


glue._handle_request_sync = handle_alone

copy = s3._copy_object


def copy_on_condition(bucket_name, key, headers):
    bucket = s3._ensure_bucket(bucket_name) or {}
    there = bucket.get("objects", {}).get(key)
    refused = s3._check_put_preconditions(headers, there)
    return refused or copy(bucket_name, key, headers)


s3._copy_object = copy_on_condition


CALLS = "/_alluvium/calls"
# Glue asks for an operation in a header, S3 by what is asked for, and its SDK by a parameter.
TARGET = b"x-amz-target"
# Who calls: the SDK of the functions, which no test uses.
CALLER = b"aws-sdk-rust/"
calls = Counter()


def call(scope):
    """The operation of a request, and of S3 the first folders of its key."""
    headers = dict(scope["headers"])
    if not headers.get(b"user-agent", b"").startswith(CALLER):
        return None
    if TARGET in headers:
        return headers[TARGET].decode().rsplit(".", 1)[-1]
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    folders = scope["path"].split("/")[2:]
    place = "/".join(folders[:2]) if folders[:1] == ["_alluvium"] else folders[0] if folders else ""
    operation = "ListObjectsV2" if "list-type" in query else query.get("x-id", [scope["method"]])[0]
    return f"{operation} {place}".strip()


async def answer_calls(send):
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(calls).encode()})


async def app(scope, receive, send):
    if scope["type"] == "http":
        if scope["path"] == CALLS:
            return await answer_calls(send)
        if operation := call(scope):
            calls[operation] += 1
        scope = {**scope, "headers": [*scope["headers"], TLS]}
    await ministack(scope, receive, send)
