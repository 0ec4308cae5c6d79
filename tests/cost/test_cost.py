"""The cost model: who takes the money, and how services round."""

import pytest
from cost.measure import Measured, whole
from cost.model import CALLS, PRICES, Function, Load, batch, file, firehose, glue, kinesis, per_tb
from cost.tables import money, of_files, of_streams

KB, MB, GB = 1_000, 1_000_000, 1_000_000_000
ONE_CPU = Function(1_769)


# A test that reckons with a number of calls has its own, so that a change of the calls changes none.
CALLS["object"].update(gets=4, puts=3, round_trips=7)
CALLS["object_of_two_partitions"].update(gets=6, puts=4)
CALLS["batch"].update(gets=5, puts=6, round_trips=11)


def load(size):
    """A file that takes a millisecond and one more for each 50 KB."""
    return Load(size, 0.001 + size / (50 * MB), size / 6)


MEASURED = Measured({size: load(size) for size in (KB, MB, 100 * MB)}, record_bytes=400)


@pytest.mark.parametrize(
    "size, most",
    [(KB, "s3"), (100 * KB, "s3"), (10 * MB, "s3"), (100 * MB, "functions"), (GB, "functions")],
)
def test_calls_cost_most_of_small_files_and_cpu_time_most_of_large_ones(size, most):
    cost = file(load(size), ONE_CPU)
    assert max(cost._fields, key=lambda name: getattr(cost, name)) == most


def test_a_terabyte_is_cheaper_in_larger_files_until_files_have_many_parts():
    totals = [per_tb(file(load(size), ONE_CPU).total(), load(size)) for size in
              (KB, 10 * KB, 100 * KB, MB, 10 * MB, 100 * MB)]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > 1_000 * totals[-1]


def test_a_small_file_takes_the_calls_that_were_counted():
    counted = CALLS["object"]
    s3 = counted["gets"] * PRICES["s3"]["get"] + counted["puts"] * PRICES["s3"]["put"]
    assert file(load(KB), ONE_CPU).s3 == pytest.approx(s3)


def test_an_invocation_is_billed_while_it_computes_calls_and_waits():
    one = load(KB)
    assert file(one, ONE_CPU).functions == ONE_CPU.dollars(one.cpu_seconds + 7 * 0.001, 7 * 0.03)
    # A batch is decoded and packed into the archive, too.
    many = load(4 * MB)
    cpu_seconds = many.cpu_seconds + 11 * 0.001 + 4 * 0.010
    assert batch(many, 1_000, ONE_CPU).functions == ONE_CPU.dollars(cpu_seconds, 11 * 0.03)


@pytest.mark.parametrize(
    "size, gets, puts",
    [
        # Ranges of 4 MiB.
        (4 << 20, 0, 0),
        ((4 << 20) + 1, 1, 0),
        # Its Parquet goes up in two pieces, with a begin and an end.
        (128 << 20, 31, 3),
        # Two parts have a file each, and a look at the pointer before and after it.
        ((128 << 20) + 1, 32 + 2, 1),
    ],
)
def test_a_large_file_takes_more_ranges_parts_and_pieces(size, gets, puts):
    more = file(load(size), ONE_CPU).s3 - file(load(KB), ONE_CPU).s3
    assert more == pytest.approx(gets * PRICES["s3"]["get"] + puts * PRICES["s3"]["put"])


@pytest.mark.parametrize(
    "record, billed",
    [(1, 5_120), (400, 5_120), (5_120, 5_120), (5_121, 10_240), (100_000, 102_400)],
)
def test_firehose_rounds_each_record_up_to_5_kb_for_its_conversion_too(record, billed):
    assert firehose(record, records=1_000) == pytest.approx(billed * 1_000 / GB * (0.029 + 0.018))


def test_kinesis_rounds_up_to_1_kb_what_comes_in_and_not_what_goes_out():
    assert kinesis(400, records=10**6) == pytest.approx(1.024 * 0.08 + 0.4 * 0.04)


@pytest.mark.parametrize(
    "function, seconds, dollars",
    [
        # Rounded up to a millisecond, and every invocation is a request.
        (Function(1_024), 0.0001, 0.001 * 0.0000166667 + 0.2e-6),
        (Function(1_024, "arm"), 0.0001, 0.001 * 0.0000133334 + 0.2e-6),
        # No more than one processor works at a file.
        (Function(1_769), 1, 1_769 / 1_024 * 0.0000166667 + 0.2e-6),
        (Function(3_538), 1, 3_538 / 1_024 * 0.0000166667 + 0.2e-6),
    ],
)
def test_lambda_bills_memory_by_the_millisecond(function, seconds, dollars):
    waiting = 0 if function.megabytes > 1_024 else seconds
    assert function.dollars(seconds - waiting, waiting) == pytest.approx(dollars)


def test_computing_costs_the_same_in_less_memory_and_waiting_costs_less():
    large, small = Function(1_769), Function(256)
    assert small.dollars(10, 0) == pytest.approx(large.dollars(10, 0), rel=1e-3)
    assert small.dollars(0, 10) < large.dollars(0, 10) / 6


def test_records_that_are_gathered_longer_cost_less():
    few, many = (batch(load(records * 400), records, ONE_CPU) for records in (100, 10_000))
    assert per_tb(few.total(), load(100 * 400)) > 2 * per_tb(many.total(), load(10_000 * 400))
    # Kinesis is the same, however many come at once.
    assert many.delivery == pytest.approx(100 * few.delivery)


def test_a_job_of_glue_is_billed_by_what_spark_took():
    # 1 TB at 4 x 25 MB a second and DPU.
    assert per_tb(glue(load(GB), 25 * MB), load(GB)) == pytest.approx(10_000 / 3_600 * 0.44, rel=1e-2)


@pytest.mark.parametrize(
    "size, seconds",
    [(KB, 0.00102), (500 * KB, 0.011), (50 * MB, 1.001), (GB, 10 * 2.001), (100, 0.1 * 0.00102)],
)
def test_sizes_between_those_measured_lie_on_a_line(size, seconds):
    at = MEASURED.at(size)
    assert (at.json_bytes, at.cpu_seconds) == (size, pytest.approx(seconds, rel=1e-3))


@pytest.mark.parametrize(
    "size, records", [(1, 1), (100, 1), (149, 1), (151, 2), (1_000, 10), (1_049, 10), (1_051, 11)]
)
def test_files_hold_whole_records(size, records):
    line = b"x" * 100
    assert len(list(whole(iter([line] * 20), size))) == records


@pytest.mark.parametrize(
    "dollars, shown",
    [(0, "0"), (25_145.3, "25,145"), (253.4, "253"), (26.06, "26.1"), (1.137, "1.14")]
    + [(0.9834, "0.983"), (0.000_446, "0.000446")],
)
def test_money_has_three_digits(dollars, shown):
    assert money(dollars) == shown


def test_tables_have_a_line_for_each_size_and_stream():
    files, streams = of_files(MEASURED, 25 * MB).splitlines(), of_streams(MEASURED).splitlines()
    assert (len(files), len(streams)) == (2 + 7, 2 + 9)
    assert all(line.count("|") == files[0].count("|") for line in files)
    assert all(line.count("|") == streams[0].count("|") for line in streams)
    assert "not measured" in of_files(MEASURED, None)


def test_a_line_says_what_a_terabyte_costs():
    first = of_files(MEASURED, 25 * MB).splitlines()[2].split(" | ")
    # 16,600 $ of calls, 1,200 $ of requests to the queue; 5 KB for 400 bytes, at 47 $ a TB.
    assert (first[2], first[3], first[9]) == ("16,600", "1,200", "602")
