"""What the tables of a benchmark say of what was measured."""

import json
import subprocess
import sys
from pathlib import Path

import side_by_side
import pytest
from conftest import COMMAND
from report import fastest_peer, markdown, ratios

BENCH = Path(__file__).with_name("side_by_side.py")


def taken(cpu_seconds, seconds):
    return {"cpu_seconds": cpu_seconds, "seconds": seconds, "mib": 120.4} | {
        "out_bytes": 7_000_000, "rows": 1_000, "columns": 12
    }


def measured(**changes):
    """An input of which one peer loads everything and another does not."""
    peers = {"slow": taken(4.0, 5.0), "fails": {"fails": "it | broke"}}
    return {
        "name": "events",
        "bytes": 40_000_000,
        "records": 1_000,
        "one_core": {"Alluvium": taken(1.0, 1.5)} | peers,
        "two_cores": {"Alluvium": taken(1.1, 0.75), "slow": taken(4.0, 4.0)},
        "bound": {"parse": 0.1, "encode": 0.3},
    } | changes


@pytest.mark.parametrize(
    "compared, expected",
    [
        (measured(), ("slow", 4.0, 0.4, 2.0, 1.25)),
        (measured(two_cores={}), ("slow", 4.0, 0.4, None, None)),
        (measured(bound={"fails": "no"}), ("slow", 4.0, None, 2.0, 1.25)),
        (measured(one_core={"Alluvium": taken(1.0, 1.5)}), (None, None, 0.4, 2.0, None)),
        (
            measured(one_core={"Alluvium": {"fails": "no"}, "slow": taken(4.0, 5.0)}),
            ("slow", None, None, None, 1.25),
        ),
    ],
)
def test_ratios_are_known_of_what_was_loaded(compared, expected):
    found = ratios(compared)
    assert found[0] == fastest_peer(compared)
    assert found == pytest.approx(expected)


def test_a_table_says_who_fails_and_why():
    where = {"date": "2026-11-28", "cpu": "CPU", "cores": 2, "gib": 24, "peers": {"slow": "1.0"}}
    twice = [measured(), measured(bound={"parse": 0.1, "encode": 0.8})]
    assert markdown({"machine": where, "inputs": twice}).splitlines()[2:13] == [
        "| events, 40 MB, 1,000 records | MB per CPU second | wall s | peak MiB | output MB"
        " | rows | columns |",
        "|---|--:|--:|--:|--:|--:|--:|",
        "| Alluvium | 40 | 1.50 | 120 | 7.0 | 1,000 | 12 |",
        "| slow | 10 | 5.00 | 120 | 7.0 | 1,000 | 12 |",
        "| fails | fails | it \\| broke | | | | |",
        "| Parsing alone | 400 | | | | | |",
        "| Encoding alone | 133 | | | | | |",
        "| Bound | 100 | | | | | |",
        "| Alluvium, two cores | 36 | 0.75 | 120 | 7.0 | 1,000 | 12 |",
        "| slow, two cores | 10 | 4.00 | 120 | 7.0 | 1,000 | 12 |",
        "",
    ]
    assert markdown({"machine": where, "inputs": twice}).splitlines()[-1] == (
        "| geometric mean | | 4.00 | 0.60 | 2.00 | 1.25 |"
    )


def test_a_benchmark_goes_on_when_a_peer_fails(tmp_path):
    records = [{"host": {"name": "a"}}, {"host": "a"}] * 40
    file = tmp_path / "hosts.json"
    file.write_text(json.dumps(records))
    words = ["--mb", "0.01", "--shapes", "--peers", "PyArrow", "--programs", COMMAND.parent]
    words += ["--files", tmp_path / "missing.json", file, "--folder", tmp_path / "out"]
    ran = subprocess.run([sys.executable, "-B", BENCH, *words], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "missing: left out" in ran.stderr

    [compared] = json.loads((tmp_path / "out" / "results.json").read_text())["inputs"]
    assert compared["name"] == f"{tmp_path.name}/hosts" and compared["bytes"] >= 10_000
    assert compared["one_core"]["Alluvium"]["rows"] == compared["records"] > len(records)
    assert "changed from object to string" in compared["one_core"]["PyArrow"]["fails"]
    assert compared["bound"]["parse"] > 0 and compared["bound"]["encode"] > 0
    assert ran.stdout == (tmp_path / "out" / "results.md").read_text()
    assert not (tmp_path / "out" / "work").exists()


@pytest.mark.parametrize("rows, expected", [(1_000, None), (999, "loads 999 of 1,000 records")])
def test_who_loads_fewer_records_fails(monkeypatch, tmp_path, rows, expected):
    took = taken(2.0, 3.0)
    monkeypatch.setattr(side_by_side, "measure", lambda *_: ([took | {"rows": rows}], took))
    source = side_by_side.Input("events", tmp_path / "events.ndjson", 1_000)
    programs = side_by_side.Bench(tmp_path, tmp_path, peers=[], runs=1)
    assert programs.load("PyArrow", source, {0}).get("fails") == expected
