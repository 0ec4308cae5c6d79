"""What producers sent, file after file: the tables of the matrix.

A value here is a Python value, and `text` its JSON. Sums must come out the same in any order of
adding up: doubles are short binary fractions, and those at the edges have columns of their own.
"""

import itertools
import json
from dataclasses import dataclass


class Again(str):
    """A key that stands once more in its object."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


@dataclass(frozen=True)
class Bad:
    """A line that is no record."""

    content: bytes
    reason: str
    encoding: str = "text"


def text(value):
    """The JSON text of a value, without white space."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def line(record):
    return record.content if isinstance(record, Bad) else text(record).encode()


# One of each class of value that columns tell apart, and an object.
CLASSES = {
    "boolean": True,
    "bigint": 6,
    "wide_bigint": 2**53 + 1,
    "huge_number": 2**63,
    "double": 4.5,
    "timestamp": "2026-02-03T04:05:06.000007Z",
    "string": "text",
    "nulls": [None, None],
    "booleans": [True, None, False],
    "bigints": [1, None, 2],
    "wide_bigints": [2**53 + 1, 3],
    "doubles": [1, 2.5, None],
    "timestamps": ["1999-12-31T23:59:59.999999+14:00", None],
    "strings": ["x", "", None, "ä𝄞"],
    "mixed": [1, "x", True, 0.25],
    "nested": [[1], {"k": None}],
    "object": {"key": 7},
}


def conflicts():
    """Every class after every other: one path for each order, one file after the other."""
    orders = list(itertools.product(CLASSES, CLASSES))
    first = {f"{before}_then_{after}": CLASSES[before] for before, after in orders}
    second = {f"{before}_then_{after}": CLASSES[after] for before, after in orders}
    return [[first], [second], [first, {}, second]]


def mixtures():
    """Every class together with every other in the part that brings the path."""
    pairs = list(itertools.combinations(CLASSES, 2))
    one = {f"{one}_with_{other}": CLASSES[one] for one, other in pairs}
    other = {f"{one}_with_{other}": CLASSES[other] for one, other in pairs}
    return [[one, other], [{}], [other]]


EDGES = {
    "bigint_least": -(2**63),
    "bigint_greatest": 2**63 - 1,
    "double_exact_greatest": float(2**53),
    "double_smallest": 5e-324,
    "double_greatest": 1.7976931348623157e308,
    "double_least": -1.7976931348623157e308,
    "double_negative_zero": -0.0,
    "timestamp_first": "1900-01-01T00:00:00Z",
    "timestamp_before_1970": "1969-12-31T23:59:59.999999Z",
    "timestamp_last": "9999-12-31T23:59:59.999999Z",
    "string_empty": "",
    "string_null_character": "a\0b\0",
    "string_astral": "𝄞🏄\u200d♀️e\u0301",
    "string_long": "0123456789abcdef" * 20_000,
}


def evolution():
    """New columns before, between and behind the others, and columns that files lack."""
    long_key = "k" * 1_100
    wide = {
        "integers": [0, -1, 2**53 - 1, 2**53, 2**53 + 1, -(2**63), 2**63 - 1],
        "doubles": [0.0, -0.0, 0.5, -(2.0**40)],
        "times": ["1900-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", None],
        "texts": ["", "\0", "𝄞", "\u2028\t\"\\", None],
    }
    return [
        [{"m": 1, "s": "one"}, {"s": ""}],
        # Before, between and behind; inside an object; with names that must be changed.
        [
            {"a": True, "m": 2, "n": 1.5, "s": "two", "z": ["x"], "o": {"b": 1}},
            {"É é": "ß", "Na.me": 1, "name": 2, "Name": 3, "dt": "not the partition"},
        ],
        [{"o": {"a": 1, "b": 2, "c": {"d": 3}}, "m": 2**53 + 1}, {"m": 0.5, "list": [1, None]}],
        [{}, {"a": None, "o": {}, "z": []}, {"list": [None]}],
        [EDGES, {}, wide, {name: value for name, value in EDGES.items() if "great" not in name}],
        # What has no column: equal keys, arrays of nothing but nulls, paths without end.
        [
            {"m": 1, Again("m"): "two", Again("m"): [3], "only_nulls": [None], "a": False},
            {"o": {"b": 1, Again("b"): None, Again("b"): 4}, long_key: {"below": [1.5, "x"]}},
            {"deep": {long_key: 1, "next": "ü"}, "s": ["now", None], "z": [None]},
        ],
        [
            {"m": 7, "s": {"now": True}},
            Bad(b'{"m":}', "invalid_json"),
            {"s": "between the bad"},
            Bad(b'\xff\xfe{"m":3}', "invalid_json", "base64"),
            Bad(b'"cut' + "𝄞".encode() * 20_000 + b'"', "not_an_object"),
        ],
    ]


ROWS_BEFORE_AND_AFTER = 25_000
LONG_ROWS = 370


def pages():
    """More rows than a page has, and more text than a row group has."""
    small = [
        {"n": n, "word": f"w{n % 7}", "half": n / 2, "even": n % 2 == 0, "list": [n, None]}
        for n in range(ROWS_BEFORE_AND_AFTER)
    ]
    long = [{"n": -n, "long": f"{n:08}" * 25_000} for n in range(LONG_ROWS)]
    late = [{**row, "at": f"2026-01-01T00:00:00.{row['n']:06}Z"} for row in small]
    return [[*small, *long, *late], [{"n": 0}, Bad(b"nope", "invalid_json")]]


TABLES = {
    "conflicts": conflicts(),
    "mixtures": mixtures(),
    "evolution": evolution(),
    "pages": pages(),
}
