"""How long it takes from a record that is put until a reader of the catalog finds its row.

`make test-freshness RECORDS=300` runs just this, with more records and its numbers in the output.
MiniStack delivers at once: what a mapping gathers first (`StreamWindowSeconds`) comes on top."""

import json
import os
import threading
import time

import pyarrow.parquet as pq

RECORDS = int(os.environ.get("RECORDS", 20))
RECORDS_A_SECOND = 10
SECONDS_MAX = 60
TABLE = "fresh"


class Reader:
    """Finds rows as readers do, and remembers the files that it has read."""

    def __init__(self, stack, folder):
        self.stack, self.folder, self.read = stack, folder, set()

    def new_rows(self):
        if TABLE not in self.stack.tables():
            return []
        found = [uri for uri in self.stack.files(TABLE) if uri not in self.read]
        self.read.update(found)
        copies = [self.stack.copy(uri, self.folder) for uri in found]
        return [n for copy in copies for n in pq.read_table(copy, columns=["n"])["n"].to_pylist()]


def percentile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, round(share * (len(sorted_values) - 1)))]


def test_records_are_soon_rows(stack, tmp_path, capsys):
    put, seen = {}, {}

    def send():
        began = time.monotonic()
        for number in range(RECORDS):
            time.sleep(max(0, began + number / RECORDS_A_SECOND - time.monotonic()))
            put[number] = time.monotonic()
            stack.put_records([(f"{TABLE}/{number}", json.dumps({"n": number}))])

    sender, reader = threading.Thread(target=send), Reader(stack, tmp_path)
    deadline = time.monotonic() + RECORDS / RECORDS_A_SECOND + SECONDS_MAX
    sender.start()
    looks = 0
    while len(seen) < RECORDS:
        assert time.monotonic() < deadline, f"{len(seen)} of {RECORDS} records can be read"
        new, now = reader.new_rows(), time.monotonic()
        looks += 1
        assert not seen.keys() & set(new) and len(set(new)) == len(new)
        seen |= dict.fromkeys(new, now)
    sender.join()
    waited = sorted(seen[number] - put[number] for number in range(RECORDS))
    [mapping] = stack.stream_mappings()
    with capsys.disabled():
        print(f"\n{RECORDS} records, {RECORDS_A_SECOND} a second, in {len(reader.read)} files, {looks} looks: "
              f"p50 {percentile(waited, 0.5):.2f} s, p99 {percentile(waited, 0.99):.2f} s, "
              f"at most {waited[-1]:.2f} s; batches of {mapping['BatchSize']} records at most")
    assert waited[-1] < SECONDS_MAX
