"""Spark: the files under the schema of the catalog, by its vectorised reader or the one by rows."""

import pyspark
from measures import MAP, by_column, element
from pyspark.sql import functions as f

WIDE = "DECIMAL(38, 0)"
# What a value counts as, and the type in which such numbers are added up.
NUMBERS = {
    "boolean": ("{}", "BIGINT"),
    "bigint": ("{}", WIDE),
    "double": ("{}", "DOUBLE"),
    "timestamp": ("unix_micros({})", WIDE),
    "string": ("char_length({})", "BIGINT"),
}
# Spark itself makes no code for a stage of more; compiling each expression takes far longer than
# the few rows do.
GENERATED_COLUMNS_MAX = 100


class Spark:
    version = pyspark.__version__

    def __init__(self, session, vectorised):
        self.session = session
        self.vectorised = vectorised
        self.name = "Spark, vectorised" if vectorised else "Spark, by rows"

    def arrow(self, table):
        return self.open(table).toArrow()

    def measures(self, table):
        columns = table.columns.items()
        words = [word for name, kind in columns for word in sums(f"`{name}`", kind)]
        return by_column(table.columns, self.open(table).selectExpr(*words).collect()[0])

    def count(self, table, column, value):
        return self.open(table).filter(f.col(f"`{column}`") == f.lit(value)).count()

    def open(self, table):
        for setting in ("enableVectorizedReader", "enableNestedColumnVectorizedReader"):
            self.session.conf.set(f"spark.sql.parquet.{setting}", self.vectorised)
        mode = "FALLBACK" if len(table.columns) <= GENERATED_COLUMNS_MAX else "NO_CODEGEN"
        self.session.conf.set("spark.sql.codegen.factoryMode", mode)
        schema = ", ".join(f"`{name}` {kind}" for name, kind in table.columns.items())
        reader = self.session.read.schema(schema).option("basePath", str(table.folder))
        rows = reader.parquet(*table.files)
        assert self.reads_vectors(rows) == self.vectorised, "Spark chose its other reader"
        return rows

    def reads_vectors(self, rows):
        """Which reader Spark takes for these columns, as it asks itself."""
        parquet = self.session._jvm.org.apache.spark.sql.execution.datasources.parquet
        settings = self.session._jsparkSession.sessionState().conf()
        return parquet.ParquetUtils.isBatchReadSupportedForSchema(settings, rows._jdf.schema())


def number(value, kind):
    words, sql_type = NUMBERS[kind]
    return f"CAST({words.format(value)} AS {sql_type})"


def sums(column, kind):
    if kind == MAP:
        sides = [f"map_{side}({column})" for side in ("keys", "values")]
        totals = [f"sum({total(side, 'string')})" for side in sides]
        return [f"count({column})", f"sum(cardinality({column}))", *totals]
    if not element(kind):
        return [f"count({column})", f"sum({number(column, kind)})"]
    return [
        f"count({column})",
        f"sum(cardinality({column}))",
        f"sum(cardinality(array_compact({column})))",
        f"sum({total(column, element(kind))})",
    ]


def total(array, kind):
    """The sum over the elements of an array."""
    numbers = f"transform(array_compact({array}), x -> {number('x', kind)})"
    sql_type = NUMBERS[kind][1]
    return f"aggregate({numbers}, CAST(0 AS {sql_type}), (sum, x) -> CAST(sum + x AS {sql_type}))"
