"""Where each value of a record belongs, said a second time: from the records and the columns of
the catalog, by the rules of README.md, without a reader of Parquet."""

import re
from datetime import datetime, timedelta, timezone

from generations import Again, text

UNFIT = object()
PATH_BYTES_MAX = 1_024
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FIRST_YEAR = datetime(1900, 1, 1, tzinfo=timezone.utc)
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def micros(instant):
    return (instant - EPOCH) // timedelta(microseconds=1)


def timestamp(value):
    """Microseconds since 1970, if text is a timestamp."""
    if not DATE_TIME.fullmatch(value):
        return UNFIT
    instant = datetime.fromisoformat(value).astimezone(timezone.utc)
    return micros(instant) if instant >= FIRST_YEAR else UNFIT


def cell(value, kind):
    """A value as a column of `kind` holds it, or UNFIT."""
    if kind == "json":
        return text(value) if isinstance(value, (list, dict)) else UNFIT
    if isinstance(value, list):
        if not kind.startswith("array<"):
            return UNFIT
        element = kind.removeprefix("array<").removesuffix(">")
        cells = [None if item is None else cell(item, element) for item in value]
        return UNFIT if UNFIT in cells else cells
    if isinstance(value, dict) or kind.startswith("array<"):
        return UNFIT
    if kind == "string":
        return value if isinstance(value, str) else text(value)
    if isinstance(value, str):
        return timestamp(value) if kind == "timestamp" else UNFIT
    if isinstance(value, bool):
        return value if kind == "boolean" else UNFIT
    if isinstance(value, float):
        return value if kind == "double" else UNFIT
    if not -(2**63) <= value < 2**63:
        return UNFIT
    if kind == "double":
        return float(value) if int(float(value)) == value else UNFIT
    return value if kind == "bigint" else UNFIT


def own_kind(value):
    """The kind of the sibling that a value makes; none for an array of nulls."""
    if isinstance(value, list) and all(item is None for item in value):
        return None
    kinds = ("boolean", "bigint", "double", "timestamp", "string", "json")
    return next(kind for kind in kinds if cell(value, kind) is not UNFIT)


class Columns:
    """The columns of each path, as the catalog has them at some time."""

    def __init__(self, schema):
        self.by_path = {}
        for column in schema["columns"]:
            parameters = column["parameters"]
            if path := parameters.get("alluvium.path"):
                kinds = self.by_path.setdefault(path, {})
                place = "base" if "alluvium.sibling_of" not in parameters else "sibling"
                kinds[place, parameters["alluvium.kind"]] = column["name"]

    def carriers(self, path, value):
        """The names of the columns that carry a value, and how; none if it is rescued."""
        columns = self.by_path.get(path, {})
        base = next((kind for place, kind in columns if place == "base"), None)
        if base is None:
            return {}
        found = cell(value, base)
        if found is UNFIT:
            sibling = own_kind(value) or "json"
            name = columns.get(("sibling", sibling))
            return {name: cell(value, sibling)} if name else {}
        carriers = {columns["base", base]: found}
        double = columns.get(("sibling", "double"))
        # A `__double` beside integers carries every number that it can hold.
        if base == "bigint" and double and cell(value, "double") is not UNFIT:
            carriers[double] = cell(value, "double")
        return carriers

    def row(self, record):
        """What each column holds of a record; columns without a value are left out."""
        row, rescued = {}, []
        self._object(record, "$", row, rescued)
        return {**row, "_rescued": rescued} if rescued else row

    def _object(self, members, path, row, rescued):
        last = {str(key): value for key, value in members.items()}
        counts = {key: sum(str(other) == key for other in members) for key in last}
        seen = dict.fromkeys(last, 0)
        for key, value in members.items():
            key = str(key) if isinstance(key, Again) else key
            seen[key] += 1
            below = f"{path}.{key}" if PLAIN_KEY.fullmatch(key) else f"{path}[{text(key)}]"
            if seen[key] < counts[key]:
                rescued.append((f"{below}#{seen[key]}", text(value)))
            elif value is None or value == [] or value == {}:
                continue
            elif len(below.encode()) > PATH_BYTES_MAX:
                rescued.append((below, text(value)))
            elif isinstance(value, dict):
                self._object(value, below, row, rescued)
            elif carriers := self.carriers(below, value):
                row.update(carriers)
            else:
                rescued.append((below, text(value)))
