"""What was measured, as tables in Markdown."""

import math
import os
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

ALLUVIUM = "Alluvium"
MB = 1_000_000
PACKAGES = {
    "DuckDB": "duckdb",
    "Polars": "polars",
    "PyArrow": "pyarrow",
    "ClickHouse (chdb)": "chdb-core",
}


def machine():
    """Where and when it was measured, and the versions of the peers."""
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "peers": {name: installed(package) for name, package in PACKAGES.items()},
    }


def cpu_model():
    with open("/proc/cpuinfo") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown CPU"


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def fastest_peer(compared):
    """The peer that took the least CPU of those that loaded everything; none if none did."""
    loaded = {
        name: taken["cpu_seconds"]
        for name, taken in compared["one_core"].items()
        if name != ALLUVIUM and "fails" not in taken
    }
    return min(loaded, key=loaded.get, default=None)


def markdown(results):
    where = results["machine"]
    peers = ", ".join(f"{name} {number}" for name, number in where["peers"].items())
    lines = [f"{where['date']}, {where['cores']} x {where['cpu']}, {where['gib']} GiB; {peers}", ""]
    for compared in results["inputs"]:
        lines += [*input_table(compared), ""]
    return "\n".join([*lines, *ratio_table(results["inputs"]), ""])


def input_table(compared):
    size, records = compared["bytes"], compared["records"]
    head = f"{compared['name']}, {size / MB:.0f} MB, {records:,} records"
    names = ("MB per CPU second", "wall s", "peak MiB", "output MB", "rows", "columns")
    yield f"| {head} | {' | '.join(names)} |"
    yield "|---" + "|--:" * len(names) + "|"
    for name, taken in compared["one_core"].items():
        yield row(name, taken, size)
    bound = compared["bound"]
    if "fails" in bound:
        yield row("Bound", bound, size)
    else:
        for name, seconds in bounds(bound).items():
            yield f"| {name} | {size / seconds / MB:.0f} | | | | | |"
    for name, taken in compared["two_cores"].items():
        yield row(f"{name}, two cores", taken, size)


def row(name, taken, size):
    if "fails" in taken:
        reason = taken["fails"].replace("|", "\\|")
        return f"| {name} | fails | {reason} | | | | |"
    speed = size / taken["cpu_seconds"] / MB
    cells = (
        f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}",
        f"{taken['seconds']:.2f}",
        f"{taken['mib']:,.0f}",
        f"{taken['out_bytes'] / MB:.1f}",
        f"{taken['rows']:,}",
        f"{taken['columns']:,}",
    )
    return f"| {name} | {' | '.join(cells)} |"


def bounds(bound):
    parse, encode = bound["parse"], bound["encode"]
    return {"Parsing alone": parse, "Encoding alone": encode, "Bound": parse + encode}


def ratio_table(inputs):
    names = ("fastest peer", "Alluvium : peer", "Alluvium : bound", "two cores : one", "the peer's")
    yield f"| ratios | {' | '.join(names)} |"
    yield "|---|---|" + "--:|" * (len(names) - 1)
    all_ratios = [ratios(compared) for compared in inputs]
    for compared, (peer, *found) in zip(inputs, all_ratios):
        yield f"| {compared['name']} | {peer or 'none'} | {' | '.join(map(shown, found))} |"
    means = [geometric_mean(column) for column in list(zip(*all_ratios))[1:]]
    yield f"| geometric mean | | {' | '.join(map(shown, means))} |"


def ratios(compared):
    """How many times as fast Alluvium is as the fastest peer and as the bound, by CPU time; how
    many times as fast two cores are as one, by the clock."""
    one, two, peer = compared["one_core"], compared["two_cores"], fastest_peer(compared)
    ours, bound = one[ALLUVIUM].get("cpu_seconds"), compared["bound"]
    total = None if "fails" in bound else bound["parse"] + bound["encode"]
    gain = lambda name: quotient(one.get(name, {}).get("seconds"), two.get(name, {}).get("seconds"))
    to_peer = quotient(one.get(peer, {}).get("cpu_seconds"), ours)
    return peer, to_peer, quotient(total, ours), gain(ALLUVIUM), gain(peer)


def quotient(above, below):
    return above / below if above and below else None


def geometric_mean(values):
    known = [value for value in values if value]
    return math.exp(sum(map(math.log, known)) / len(known)) if known else None


def shown(ratio):
    return f"{ratio:.2f}" if ratio else "-"
