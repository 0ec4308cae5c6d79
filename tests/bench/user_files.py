"""Files of users as input of a benchmark: unpacked, a record a line, often enough in a row."""

import gzip
import json
from pathlib import Path

SUFFIXES = (".json", ".jsonl", ".ndjson", ".log", ".gz")


def replicate(path, size_bytes, out):
    """Writes the records of a file, or of the files in a folder in the order of their names, again
    and again until there are so many bytes; returns how many records."""
    path = Path(path)
    files = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES) if path.is_dir() else [path]
    lines = [line for file in files for line in records(unpacked(file))]
    if not lines:
        raise ValueError("no records")
    once = b"".join(line + b"\n" for line in lines)
    times = -(-size_bytes // len(once))
    with Path(out).open("wb") as file:
        for _ in range(times):
            file.write(once)
    return times * len(lines)


def unpacked(file):
    content = file.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def records(content):
    """The records of a text as lines; those of NDJSON as they are."""
    lines = [line for line in content.split(b"\n") if line.strip()]
    if all(map(is_object, lines)):
        return [line.strip() for line in lines]
    text, at, opened = content.decode("utf-8-sig"), 0, []
    decoder = json.JSONDecoder()
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        opened += records_in(value)
    return [json.dumps(record, ensure_ascii=False).encode() for record in opened]


def is_object(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def records_in(value):
    """A list, or one that is wrapped the way CloudTrail does, has many."""
    if isinstance(value, dict) and isinstance(value.get("Records"), list):
        value = value["Records"]
    return value if isinstance(value, list) else [value]
