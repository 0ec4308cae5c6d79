"""What loading costs, in dollars: arithmetic on prices, counted calls and measured CPU time."""

import math
import tomllib
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
GB = 1e9
# As Lambda counts memory.
MEGABYTES_PER_GB = 1_024
TB = 1e12


def read(name):
    return tomllib.loads((FOLDER / f"{name}.toml").read_text())


PRICES, ASSUMED, CALLS = read("prices"), read("assumed"), read("calls")


class Function(NamedTuple):
    """How a function is set up."""

    megabytes: int
    architecture: str = "x86"

    def vcpus(self):
        return min(1, self.megabytes / ASSUMED["lambda"]["vcpu_megabytes"])

    def dollars(self, cpu_seconds, waiting_seconds):
        """An invocation that computes and waits, one after the other."""
        prices = PRICES["lambda"]
        seconds = cpu_seconds / self.vcpus() + waiting_seconds
        billed = math.ceil(seconds / prices["billed_seconds"]) * prices["billed_seconds"]
        return billed * self.second_dollars() + prices["request"]

    def second_dollars(self):
        gb = self.megabytes / MEGABYTES_PER_GB
        return gb * PRICES["lambda"][f"gb_second_{self.architecture}"]


class Load(NamedTuple):
    """Something that is loaded by one invocation."""

    json_bytes: float
    cpu_seconds: float
    parquet_bytes: float


class Cost(NamedTuple):
    """Dollars, by who takes them."""

    functions: float
    s3: float
    delivery: float = 0
    compaction: float = 0

    def total(self):
        return sum(self)

    def times(self, factor):
        return Cost(*(dollars * factor for dollars in self))


def calls(gets, puts, glue=0):
    prices = PRICES["s3"]
    return gets * prices["get"] + puts * prices["put"] + glue * PRICES["glue"]["catalog_call"]


def rounded_up(size, step):
    return math.ceil(size / step) * step


def file(load, function):
    """A file that is dropped into the landing bucket and loaded into a partition that is there."""
    lake, counted = ASSUMED["lake"], CALLS["object"]
    parts = math.ceil(load.json_bytes / lake["part_bytes"])
    further_ranges = math.ceil(load.json_bytes / lake["range_bytes"]) - 1
    # A further part has what a further partition has: a pointer before and after its file.
    further = CALLS["object_of_two_partitions"]
    gets = counted["gets"] + further_ranges + (parts - 1) * (further["gets"] - counted["gets"])
    puts = counted["puts"] + (parts - 1) * (further["puts"] - counted["puts"])
    puts += parts * (pieces(load.parquet_bytes / parts) - 1)
    delivery = lake["queue_requests"] * PRICES["sqs"]["request"]
    invoked = invocation(load, counted, gets + puts, function)
    return Cost(invoked, calls(gets, puts, counted["glue"]), delivery, compaction(load, parts, function))


def batch(load, records, function):
    """Records of one topic that a mapping delivers at once, through Kinesis to their table."""
    counted = CALLS["batch"]
    load = load._replace(
        cpu_seconds=load.cpu_seconds
        + load.json_bytes / 1e6 * ASSUMED["stream"]["cpu_seconds_per_mb"]
    )
    invoked = invocation(load, counted, counted["gets"] + counted["puts"], function)
    s3 = calls(counted["gets"], counted["puts"], counted["glue"])
    delivery = kinesis(load.json_bytes / records, records)
    return Cost(invoked, s3, delivery, compaction(load, 1, function))


def invocation(load, counted, made, function):
    cpu_seconds = load.cpu_seconds + made * ASSUMED["lambda"]["call_cpu_seconds"]
    waiting = counted["round_trips"] * ASSUMED["lambda"]["round_trip_seconds"]
    return function.dollars(cpu_seconds, waiting)


def pieces(size):
    """PUTs of a file: one, or those of an upload in pieces with its begin and end."""
    single = ASSUMED["lake"]["single_put_bytes"]
    return 1 if size <= single else math.ceil(size / single) + 2


def compaction(load, files, function):
    """What merging the files that are left costs later, by a function of one virtual processor."""
    assumed = ASSUMED["compaction"]
    if load.parquet_bytes / files >= assumed["small_file_bytes"]:
        return 0
    seconds = load.parquet_bytes * assumed["times_merged"] / assumed["bytes_per_cpu_second"]
    merging = function._replace(megabytes=ASSUMED["lambda"]["vcpu_megabytes"])
    gets = calls(files * assumed["gets_per_file"], 0)
    return seconds * merging.second_dollars() + gets


def kinesis(record_bytes, records):
    """A stream on demand, but for the hours that it is there."""
    prices = PRICES["kinesis"]
    billed_in = records * rounded_up(record_bytes, prices["record_bytes"])
    return billed_in / GB * prices["gb_in"] + records * record_bytes / GB * prices["gb_out"]


def firehose(record_bytes, records):
    """The same records put to Firehose, which converts them by a schema that somebody wrote."""
    prices = PRICES["firehose"]
    billed = records * rounded_up(record_bytes, prices["record_bytes"])
    return billed / GB * (prices["gb_in"] + prices["gb_converted"])


def glue(load, bytes_per_cpu_second):
    """The same file among many that a Spark job of Glue takes together, without its start."""
    assumed = ASSUMED["glue"]
    dpu_seconds = load.json_bytes / (bytes_per_cpu_second * assumed["vcpus_per_dpu"])
    job = dpu_seconds / 3_600 * PRICES["glue"]["dpu_hour"]
    return job + calls(assumed["gets_per_file"], 0)


def per_tb(dollars, load):
    return dollars / load.json_bytes * TB


def per_million_events(dollars, load, record_bytes):
    return dollars / load.json_bytes * record_bytes * 1e6
