"""Input that is too large, too deep or no JSON: refused or loaded, in bounded memory, and what
stands around it is loaded."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import bounded

MIB = 1 << 20
GOOD = b'{"n":1}\n'


def ingest(lake, path, loaded, quarantined):
    words = ["ingest", "--table", "t", path, "--lake", lake.directory]
    report = bounded(*words, expect=3 if quarantined else 0)
    assert (report["loaded"], report["quarantined"]) == (loaded, quarantined)


def write(path, *chunks):
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    return path


def bad_records(lake):
    columns = ["record", "reason", "offset", "length", "complete"]
    return lake.pyarrow("quarantine").sort_by("record").select(columns).to_pylist()


def test_a_record_of_40_mib_is_passed_over(lake, tmp_path):
    long = b'{"s":"' + b"x" * 40 * MIB + b'"}'
    path = write(tmp_path / "long.json", GOOD, long, b"\n", GOOD)
    ingest(lake, path, 2, {"record_too_large": 1})
    assert bad_records(lake) == [
        {
            "record": 1,
            "reason": "record_too_large",
            "offset": len(GOOD),
            "length": len(long),
            "complete": False,
        }
    ]


def test_a_line_longer_than_any_record_is_read_if_its_records_are_not(lake, tmp_path):
    elements = (b'{"s":"' + b"x" * 1000 + b'"},') * 1000
    path = write(tmp_path / "line.json", b"[", *[elements] * 64, b'{"n":1}]')
    assert path.stat().st_size > 60 * MIB
    ingest(lake, path, 64_001, {})


def test_brackets_nested_100_000_deep_are_passed_over(lake, tmp_path):
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    ingest(lake, write(tmp_path / "deep.json", GOOD, deep, b"\n", GOOD), 2, {"too_deep": 1})
    unclosed = b'{"a":' * 100_000
    ingest(lake, write(tmp_path / "open.json", GOOD, unclosed, b"\n", GOOD), 2, {"too_deep": 1})


# More than a gibibyte that is not worth a mebibyte: from there on the ratio counts.
CONTENT = [GOOD, b'{"s":"', *[b"x" * MIB] * 1030, b'"}\n', GOOD]


def gzipped(path):
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(CONTENT)


def zstd(path):
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        for chunk in CONTENT:
            file.write(chunk)


def zipped(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("content", "w") as file:
            file.writelines(CONTENT)


@pytest.mark.parametrize("pack", [gzipped, zstd, zipped])
def test_a_bomb_is_cut_off(lake, tmp_path, pack):
    path = tmp_path / "bomb"
    pack(path)
    assert path.stat().st_size < 6 * MIB
    ingest(lake, path, 1, {"record_too_large": 1, "compression_ratio": 1})
    [long, rest] = bad_records(lake)
    assert (long["offset"], rest["length"]) == (len(GOOD), 0)
    assert not long["complete"] and not rest["complete"]
    assert 1 << 30 <= rest["offset"] == long["offset"] + long["length"] <= (1 << 30) + MIB


def parquet():
    file = io.BytesIO()
    pa.parquet.write_table(pa.table({"n": [1, 2, 3]}), file)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 999, parquet()],
    ids=["jpeg", "parquet"],
)
def test_what_is_no_json_is_one_entry(lake, tmp_path, content):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "1", content)
    write(tmp_path / "in" / "2", GOOD)
    ingest(lake, tmp_path / "in", 1, {"unreadable": 1})
    [bad] = bad_records(lake)
    assert (bad["record"], bad["offset"], bad["length"]) == (0, 0, len(content))
    assert bad["complete"] == (len(content) <= 64 << 10)


def test_an_empty_file_is_no_record_and_no_error(lake, tmp_path):
    for number, content in enumerate([b"", b"\n \r\n", gzip.compress(b""), b"\xef\xbb\xbf"]):
        ingest(lake, write(tmp_path / str(number), content), 0, {})


def test_a_limit_can_be_set(lake, tmp_path):
    path = write(tmp_path / "deep.json", GOOD, b'{"a":[[1]]}\n')
    words = ["--table", "t", path, "--limit", "parse_depth=2"]
    report = lake.json("ingest", *words, expect=3)
    assert report["quarantined"] == {"too_deep": 1}
    assert lake.json("verify", *words)["missing"] == 0
    error = lake.run("ingest", "--table", "t", path, "--limit", "depth=2", expect=2)
    assert "there is no limit `depth`" in error
