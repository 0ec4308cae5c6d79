"""Real events: whatever the order in which they come, every value of them is found again."""

import hashlib
import json
import os
import random
import re
from pathlib import Path

import pytest
from conftest import Lake

CORPORA = Path(os.environ["ALLUVIUM_CORPORA"]).resolve()
FOLDERS = sorted(path.parent.name for path in CORPORA.glob("*/README.md"))
# Files of regression suites as they are stored: packed in many ways, some of them damaged.
EDGES = [folder for folder in FOLDERS if folder.startswith("edge_")]
CLEAN = {"missing": 0, "different": 0, "doubled": 0, "findings": [], "damaged_files": [], "injuries": []}
ORDERS = 20


def measure(folder, name):
    """A number from the profile in the README of a corpus."""
    row = re.search(rf"^\| {name} \| (\d+) \|$", readme(folder), re.MULTILINE)
    return int(row[1])


def readme(folder):
    return (CORPORA / folder / "README.md").read_text()


def files(folder):
    """The events of a corpus; other packagings of them are left out."""
    if folder in EDGES:
        below = sorted((CORPORA / folder).rglob("*"))
        return [path for path in below if path.is_file() and path.name != "README.md"]
    if folder == "raw_forms_same_events":
        return [CORPORA / folder / "reference.ndjson"]
    return sorted((CORPORA / folder).glob("*.ndjson"))


def verify(lake, table, paths):
    found = lake.json("verify", "--table", table, *paths)
    assert CLEAN.items() <= found.items()
    return found


def test_the_corpora_are_there():
    assert len(FOLDERS) == 23 and len(EDGES) == 2, FOLDERS


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder not in EDGES])
def test_every_value_of_every_event_is_found_again(lake, folder):
    paths = files(folder)
    report = lake.json("ingest", "--table", folder, *paths)
    found = verify(lake, folder, paths)
    assert found["records"] == found["rows"] == report["loaded"] == measure(folder, "events")
    assert found["values"] >= report["loaded"]


def documents(text):
    """The objects in a text that is JSON throughout, or None if it is not."""

    def refuse(literal):
        raise ValueError(literal)

    decoder = json.JSONDecoder(parse_constant=refuse)
    separators = re.compile(r"[\s,]*")
    objects, at = 0, separators.match(text).end()
    try:
        while at < len(text):
            value, end = decoder.raw_decode(text, at)
            elements = value if isinstance(value, list) else [value]
            objects += sum(isinstance(element, dict) for element in elements)
            at = separators.match(text, end).end()
    except ValueError:
        return None
    return objects


@pytest.mark.parametrize("folder", EDGES)
def test_every_file_of_a_regression_suite_is_loaded_as_far_as_it_is_json(lake, folder):
    paths = files(folder)
    whole = 0
    for path in paths:
        table = re.sub("[^a-z0-9]+", "_", str(path.relative_to(CORPORA)).lower())
        report = json.loads(run_either(lake, "ingest", "--table", table, path, "--json"))
        found = verify(lake, table, [path])
        assert found["rows"] == report["loaded"]
        assert found["quarantined"] == report["records"] - report["loaded"]
        expected = documents(path.read_text(encoding="utf-8-sig", errors="replace"))
        if expected is not None:
            whole += 1
            assert report["loaded"] == expected, path
    assert whole > 0.8 * len(paths), f"only {whole} of {len(paths)} files are JSON throughout"


def run_either(lake, *args):
    """Runs the command, which may quarantine some records."""
    out, err = (process := lake.start(*args)).communicate()
    assert process.returncode in (0, 3), err
    return out


def test_the_widest_events_fill_a_table_and_lose_nothing(lake):
    folder = "saas_cloud_logs_panther"
    assert (measure(folder, "distinct leaf paths"), measure(folder, "type conflicts")) == (5988, 118)
    report = lake.json("ingest", "--table", "saas", *files(folder))
    assert 990 <= len(lake.columns("saas")) <= 1000
    assert report["columns_refused"] > 2000 and report["rescued_values"] > 40000
    assert verify(lake, "saas", files(folder))["values"] > 50000


def names_without_hashes(lake, table):
    """The names of first columns by their paths, without what tells them from other paths."""
    names, places = {}, set()
    for column in lake.json("schema", table)["columns"]:
        parameters = column["parameters"]
        if path := parameters.get("alluvium.path"):
            place = (path, parameters["alluvium.kind"])
            assert place not in places, f"two columns for {place}"
            places.add(place)
            if "alluvium.sibling_of" not in parameters:
                names[path] = without_hash(column["name"], path)
    return names


def without_hash(name, path):
    plain, _, digits = name.rpartition("_")
    is_hash = len(digits) >= 6 and hashlib.sha256(path.encode()).hexdigest().startswith(digits)
    return plain if is_hash else name


def written(events):
    """Events as lines, or in an array if the first would be taken for a wrapper of others."""
    if re.match(rb'\{\s*"Records"\s*:\s*\[', events[0]):
        return b"[" + b",\n".join(events) + b"]"
    return b"\n".join(events)


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder not in EDGES])
def test_every_order_and_cut_has_a_place_for_every_value(lake, folder, tmp_path):
    events = [line for path in files(folder) for line in path.read_bytes().splitlines() if line]
    names, refused = {}, 0
    for seed in range(ORDERS):
        shuffle = random.Random(f"{folder} {seed}")
        shuffle.shuffle(events)
        cuts = min(shuffle.randrange(8), len(events) - 1)
        cuts = sorted(shuffle.sample(range(1, len(events)), cuts))
        paths = []
        for begin, end in zip([0, *cuts], [*cuts, len(events)]):
            path = tmp_path / str(seed) / f"{begin}.ndjson"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(written(events[begin:end]))
            paths.append(path)
        table = f"t{seed}"
        report = lake.json("ingest", "--table", table, *paths)
        assert report["loaded"] == len(events)
        assert verify(lake, table, paths)["rows"] == len(events)
        refused += report["columns_refused"]
        found = names_without_hashes(lake, table)
        # Names and kinds may differ, but not which path a name stands for.
        assert all(names.setdefault(path, name) == name for path, name in found.items())
        assert refused or found.keys() == names.keys(), "a path has no column in some order"


@pytest.mark.parametrize("folder", EDGES)
def test_every_order_of_files_has_a_place_for_every_value(folder, tmp_path):
    paths = files(folder)
    for seed in range(ORDERS):
        random.Random(seed).shuffle(paths)
        # A file is loaded once into a lake.
        lake = Lake(tmp_path / str(seed))
        # Several at once, so that it does not take minutes to wait for the disk.
        words = ["ingest", "--table", "t", *paths, "--json", "--threads", 8]
        report = json.loads(run_either(lake, *words))
        found = verify(lake, "t", paths)
        assert (found["records"], found["rows"]) == (report["records"], report["loaded"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_same_input_gives_the_same_bytes(folder, tmp_path):
    lakes = [Lake(tmp_path / "first"), Lake(tmp_path / "second")]
    for lake in lakes:
        run_either(lake, "ingest", "--table", "t", *files(folder))
    first, second = (lake.objects() for lake in lakes)
    assert any(path.endswith(".parquet") for path in first)
    assert any("_alluvium/catalog/" in path for path in first)
    assert first == second
