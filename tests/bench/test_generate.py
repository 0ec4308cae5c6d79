"""Generated events are the same on every run, and have what their shapes are made for."""

import itertools
import json

import pytest
from generate import SHAPES, lines, write
from user_files import replicate

KINDS = {
    dict: "object",
    list: "list",
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_seed_gives_the_same_bytes_and_another_gives_others(tmp_path, shape):
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    records = write(shape, 50_000, first)
    assert write(shape, 50_000, again) == records
    write(shape, 50_000, other, seed=11)
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    assert first.stat().st_size - 50_000 in range(10_000)
    assert len(first.read_bytes().splitlines()) == records


@pytest.mark.parametrize(
    "shape, record_bytes, paths, keys_deep, conflicts",
    [
        ("telemetry", range(350, 450), range(18, 30), 1, {}),
        ("nested", range(2_000, 3_000), range(120, 200), 6, {}),
        (
            "sparse",
            range(900, 1_500),
            range(360, 440),
            3,
            {"host": {"object", "text"}, "Task": {"number", "text"}, "tags": {"list", "text"}},
        ),
    ],
)
def test_a_shape_has_what_it_is_made_for(shape, record_bytes, paths, keys_deep, conflicts):
    some = list(itertools.islice(lines(shape), 2_500))
    kinds = {}
    for line in some:
        note(kinds, "", json.loads(line))
    assert sum(map(len, some)) // len(some) in record_bytes
    # The record itself is none.
    assert len(kinds) - 1 in paths
    assert max(path.count(".") for path in kinds if "[]" not in path) == keys_deep
    found = {path[1:]: found for path, found in kinds.items() if len(found) > 1}
    assert {path: found.get(path) for path in conflicts} == conflicts
    assert bool(found) == bool(conflicts)


def note(kinds, path, value):
    """Notes of which kinds the values under each path are."""
    found = kinds.setdefault(path, set())
    if value is not None:
        found.add(KINDS[type(value)])
    if isinstance(value, dict):
        for key, member in value.items():
            note(kinds, f"{path}.{key}", member)
    elif isinstance(value, list):
        for element in value:
            note(kinds, f"{path}[]", element)


@pytest.mark.parametrize(
    "text, expected",
    [
        ('{"a": 1}\r\n\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('{"Records": [{"a": 1},\n {"a": 2}]}', [{"a": 1}, {"a": 2}]),
        ('{\n "a": [1,\n 2]\n}\n{\n}', [{"a": [1, 2]}, {}]),
    ],
)
def test_a_users_file_becomes_lines_as_often_as_is_wanted(tmp_path, text, expected):
    file, out = tmp_path / "file.json", tmp_path / "out"
    file.write_text(text)
    times = replicate(file, 200, out) // len(expected)
    assert out.stat().st_size >= 200 and times > 1
    assert [json.loads(line) for line in out.open()] == expected * times
