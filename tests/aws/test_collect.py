"""Signed requests to the URL of `collect`: what they leave in the stream and the landing bucket."""

import gzip
import json

import pytest

from stack import ROOT

EVENTS = [{"id": number, "at": "2026-11-22T10:00:00Z", "text": f"ä {number}"} for number in range(3)]
LINES = "".join(json.dumps(event) + "\n" for event in EVENTS).encode()
FORMS = {
    "lines": (LINES, {"content_type": "application/x-ndjson"}),
    "array": (json.dumps(EVENTS, indent=1).encode(), {"content_type": "application/json"}),
    "concatenated": (LINES.replace(b"\n", b""), {"content_type": "text/plain"}),
    "gzip": (gzip.compress(LINES), {"content_type": "application/x-ndjson", "content_encoding": "gzip"}),
    "packed": (gzip.compress(LINES), {}),
}


def records(stack, topic):
    """The keys and events of a topic."""
    found = [(key, json.loads(data)) for key, data in stack.stream_records()]
    return [(key, event) for key, event in found if key.split("/")[0] == topic]


def post(stack, path, body, **headers):
    status, headers, answer = stack.post(path, body, **headers)
    assert headers["content-type"] == "application/json", answer
    return status, json.loads(answer)


@pytest.mark.parametrize("form", FORMS)
def test_a_request_in_any_form_leaves_its_events_in_the_stream(stack, form):
    body, headers = FORMS[form]
    topic = f"form {form}"
    answer = post(stack, f"/form%20{form}", body, **headers)
    assert answer == (202, {"events": 3, "accepted": 3, "to_landing": 0})
    found = records(stack, topic)
    assert sorted(event["id"] for _, event in found) == [0, 1, 2]
    assert all(event in EVENTS for _, event in found)
    assert len({key for key, _ in found}) == 3


def test_events_of_a_key_keep_their_order(stack):
    answer = post(stack, "/keyed/camera-7", LINES, content_type="application/x-ndjson")
    assert answer[0] == 202
    assert records(stack, "keyed") == [("keyed/camera-7", event) for event in EVENTS]


def test_more_events_than_one_call_takes_are_all_there(stack):
    body = b"".join(b'{"n":%d}\n' % number for number in range(1_201))
    answer = post(stack, "/many", body)
    assert answer == (202, {"events": 1_201, "accepted": 1_201, "to_landing": 0})
    assert sorted(event["n"] for _, event in records(stack, "many")) == list(range(1_201))


def test_one_bad_event_leaves_nothing(stack):
    status, answer = post(stack, "/spoiled", LINES + b'{"id":}\n' + LINES)
    assert (status, answer["error"], answer["reason"]) == (400, "bad_event", "invalid_json")
    assert (answer["record"], answer["line"], answer["column"]) == (3, 4, 1)
    assert records(stack, "spoiled") == []


def test_what_is_not_signed_is_not_taken(stack):
    status, _, _ = stack.post("/unsigned", LINES, signed=False)
    assert status == 403
    assert records(stack, "unsigned") == []


def test_an_event_that_is_too_large_for_the_stream_is_loaded_as_a_file(stack, sql):
    before = stack.worked_off()
    large = json.dumps({"id": 1, "text": "x" * (1 << 20)}).encode()
    answer = post(stack, "/large", large + b'\n{"id":2}\n')
    assert answer == (202, {"events": 2, "accepted": 2, "to_landing": 1})
    assert [event for _, event in records(stack, "large")] == [{"id": 2}]
    stack.wait_for_sources(before + 1)
    assert sql("SELECT id, length(text) FROM large WHERE id = 1") == [(1, 1 << 20)]


SAMPLES = sorted((ROOT / "events" / "collect").glob("*.json"))
STATUSES = {"bad-event": 400, "empty": 400, "wrong-method": 405, "no-topic": 404}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_answered(stack, sample):
    function = stack.functions.invoke(
        FunctionName=stack.outputs()["CollectName"], Payload=sample.read_bytes()
    )
    answer = json.loads(function["Payload"].read())
    assert answer["statusCode"] == STATUSES.get(sample.stem, 202), answer
    assert json.loads(answer["body"])


def test_what_is_no_request_fails_as_permanent(stack):
    function = stack.functions.invoke(FunctionName=stack.outputs()["CollectName"], Payload=b"{}")
    assert function["FunctionError"]
    assert json.loads(function["Payload"].read())["errorType"] == "Alluvium.Permanent"
