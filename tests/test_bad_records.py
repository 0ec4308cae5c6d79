"""What people and the quarantine table are told about bad records."""

import io
import subprocess
import zipfile

from conftest import COMMAND


def shown(lake, path):
    """What `ingest` shows about bad records, which is what `preview` shows."""
    ingested = lake.run("ingest", "--table", "t", path, expect=3)
    words = [COMMAND, "preview", "--table", "t", path]
    previewed = subprocess.run(words, capture_output=True, text=True)
    assert previewed.returncode == 3, previewed.stderr
    found = [entries(text) for text in (ingested, previewed.stdout)]
    assert found[0] == found[1] != []
    return [entry.replace(f"file://{path}", "FILE") for entry in found[0]]


def entries(text):
    lines = text.splitlines()
    marks = [number for number, line in enumerate(lines) if line.startswith("! ")]
    return ["\n".join(lines[number : number + 3]) for number in marks]


def test_people_are_told_file_line_column_reason_and_bytes(lake, drop):
    text = '{"n":1}\n{\n  "n": 2\n}\n  {"n": é}\n[{"n":3}, 4]\n{"s":"' + "x" * 300
    assert shown(lake, drop("t/1.json", text)) == [
        "! FILE:5:3: record 2 at byte 23\n"
        "  invalid_json: expected a value at byte 6 of the record\n"
        '  {"n": é}',
        "! FILE:6:11: record 4 at byte 43\n  not_an_object: a record is a JSON object\n  4",
        "! FILE:7:1: record 5 at byte 46\n"
        "  truncated_input: the source ends inside a record\n"
        '  {"s":"' + "x" * 194,
    ]


def test_text_in_utf_16_is_shown_as_text_and_kept_as_it_is(lake, drop):
    text = '{"n":1}\n{"é":}\n'
    content = text.encode("utf-16")
    assert shown(lake, drop("t/1.json", content)) == [
        "! FILE:2:1: record 1 at byte 18\n"
        "  invalid_json: expected a value at byte 10 of the record\n"
        '  {"é":}'
    ]
    [bad] = lake.pyarrow("quarantine").to_pylist()
    assert (bad["encoding"], bad["offset"], bad["length"]) == ("base64", 18, 12)
    [kept] = lake.duckdb("quarantine", "from_base64(bytes)")[0]
    assert kept == content[18:30]


def test_a_member_of_an_archive_is_named(lake, drop):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.json", '{"n":1}\n')
        file.writestr("b.json", '{"n":2}\n{"n":}\n')
    assert shown(lake, drop("t/1.zip", archive.getvalue())) == [
        "! FILE:2:1: record 2 at byte 16\n"
        "  invalid_json: b.json: expected a value at byte 5 of the record\n"
        '  {"n":}'
    ]


def test_what_a_wrapper_holds_beside_its_records_is_one_entry(lake, drop):
    content = '{"Records": [{"n":1}, {"n":2}], "next": "abc", "more": {"n": [3]}}'
    path = drop("t/1.json", content)
    report = lake.json("ingest", "--table", "t", path, expect=3)
    assert (report["loaded"], report["quarantined"]) == (2, {"wrapper_fields": 1})
    [bad] = lake.pyarrow("quarantine").to_pylist()
    assert bad["bytes"] == ', "next": "abc", "more": {"n": [3]}'
    assert content[bad["offset"] :][: bad["length"]] == bad["bytes"]
