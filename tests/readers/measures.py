"""What is counted and added up of a column, and by which words of SQL.

| type | measures |
|---|---|
| scalar | values, sum |
| `array<…>` | values, elements, elements that are not null, their sum |
| `map<string,string>` | values, entries, sum of the keys, sum of the values |

A value counts as a number: a boolean as 0 or 1, a timestamp as its microseconds, text as its
characters (code points).
"""

MAP = "map<string,string>"


def element(glue_type):
    """The type of the elements of an array; none for another type."""
    return glue_type[len("array<") : -1] if glue_type.startswith("array<") else None


def number(value):
    """What a value counts as; timestamps are microseconds already."""
    return len(value) if isinstance(value, str) else value


def measures(values, glue_type):
    """The measures of the values of a column."""
    present = [value for value in values if value is not None]
    if glue_type == MAP:
        entries = [entry for value in present for entry in value]
        keys, texts = (sum(len(entry[side]) for entry in entries) for side in (0, 1))
        return (len(present), len(entries), keys, texts)
    if not element(glue_type):
        return (len(present), sum(map(number, present)))
    elements = [item for value in present for item in value]
    found = [number(item) for item in elements if item is not None]
    return (len(present), len(elements), len(found), sum(found))


def widths(columns):
    """How many measures each column has."""
    return {name: 4 if kind == MAP or element(kind) else 2 for name, kind in columns.items()}


def by_column(columns, numbers):
    """The measures of each column out of one row of numbers, a sum over nothing being 0."""
    numbers = iter(numbers)
    take = lambda count: tuple(next(numbers) or 0 for _ in range(count))
    return {name: take(count) for name, count in widths(columns).items()}
