"""Arrow, in which every reader hands out what it read, as plain values.

Only the way they are handed out is evened out: names of list fields, wide strings, structs for
the entries of a map. A column of another type than its Glue type is an error.
"""

import pyarrow as pa
import pyarrow.types as types
from measures import MAP, element

IS_OF_TYPE = {
    "boolean": types.is_boolean,
    "bigint": types.is_int64,
    "double": types.is_float64,
    "timestamp": lambda found: found == pa.timestamp("us", tz="UTC"),
    "string": lambda found: (
        types.is_string(found) or types.is_large_string(found) or types.is_string_view(found)
    ),
}


def plain(arrow, columns, key):
    """The values of each column, in the order of `key`; timestamps in microseconds."""
    assert arrow.column_names == list(columns), "not the columns of the table"
    for name, kind in columns.items():
        found = arrow.schema.field(name).type
        assert is_of_type(found, kind), f"{name} is {found} instead of {kind}"
    values = {name: plain_column(arrow[name], kind) for name, kind in columns.items()}
    keys = list(zip(*(values[name] for name in key)))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return {name: [column[row] for row in order] for name, column in values.items()}


def is_of_type(found, kind):
    if kind == MAP:
        entry = found.value_type if types.is_list(found) or types.is_large_list(found) else found
        text = IS_OF_TYPE["string"]
        if types.is_struct(entry):
            return entry.num_fields == 2 and all(text(field.type) for field in entry)
        return types.is_map(entry) and text(entry.key_type) and text(entry.item_type)
    if item := element(kind):
        is_list = types.is_list(found) or types.is_large_list(found)
        return is_list and is_of_type(found.value_type, item)
    return IS_OF_TYPE[kind](found)


def plain_column(column, kind):
    if kind == "timestamp":
        return column.cast(pa.int64()).to_pylist()
    if kind == "array<timestamp>":
        return column.cast(pa.list_(pa.int64())).to_pylist()
    if kind == MAP:
        return [entries and [pair(entry) for entry in entries] for entries in column.to_pylist()]
    return column.to_pylist()


def pair(entry):
    return tuple(entry.values()) if isinstance(entry, dict) else entry


def exact(values):
    """Doubles by their bits: minus zero is not zero."""
    if isinstance(values, list):
        return [exact(value) for value in values]
    return values.hex() if isinstance(values, float) else values
