//! The dialects of SQL that a view can be said in.
//!
//! Names are always quoted, and nothing but names of ours is ever written: keys of records, which
//! may be anything, never become SQL.

use crate::{Kind, Scalar};

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlDialect {
    /// Presto, Trino and Athena.
    Presto,
    /// `DuckDB`, in which a timestamp of Parquet has a time zone.
    DuckDb,
}

impl SqlDialect {
    /// A name as an identifier.
    #[must_use]
    pub fn quoted(self, name: &str) -> String {
        match self {
            Self::Presto | Self::DuckDb => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// The type of a column of this kind.
    #[must_use]
    pub fn type_of(self, kind: Kind) -> String {
        match (kind, self) {
            (Kind::Scalar(scalar), _) => self.scalar(scalar).to_owned(),
            (Kind::Array(element), Self::Presto) => format!("array({})", self.scalar(element)),
            (Kind::Array(element), Self::DuckDb) => format!("{}[]", self.scalar(element)),
            (Kind::Json, _) => self.scalar(Scalar::String).to_owned(),
        }
    }

    const fn scalar(self, scalar: Scalar) -> &'static str {
        match (scalar, self) {
            (Scalar::Boolean, _) => "boolean",
            (Scalar::Bigint, _) => "bigint",
            (Scalar::Double, _) => "double",
            (Scalar::Timestamp, Self::Presto) => "timestamp",
            (Scalar::Timestamp, Self::DuckDb) => "timestamptz",
            (Scalar::String, _) => "varchar",
        }
    }

    /// A column of any kind as text: scalars as they are, timestamps in RFC 3339, arrays as JSON.
    pub(crate) fn text(self, column: &str, kind: Kind) -> String {
        match kind {
            Kind::Scalar(Scalar::String) | Kind::Json => column.to_owned(),
            Kind::Scalar(Scalar::Timestamp) => self.rfc3339(column),
            Kind::Scalar(Scalar::Boolean | Scalar::Bigint | Scalar::Double) => {
                format!("CAST({column} AS varchar)")
            }
            Kind::Array(Scalar::Timestamp) => {
                let text = self.rfc3339("x");
                self.json_text(&match self {
                    Self::Presto => format!("transform({column}, x -> {text})"),
                    Self::DuckDb => format!("list_transform({column}, lambda x: {text})"),
                })
            }
            Kind::Array(Scalar::Boolean | Scalar::Bigint | Scalar::Double | Scalar::String) => {
                self.json_text(column)
            }
        }
    }

    /// The JSON text of an array or map.
    pub(crate) fn json_text(self, value: &str) -> String {
        match self {
            Self::Presto => format!("json_format(CAST({value} AS json))"),
            Self::DuckDb => format!("CAST(to_json({value}) AS varchar)"),
        }
    }

    /// A timestamp with microseconds and `Z`, whatever the time zone of the session is.
    fn rfc3339(self, timestamp: &str) -> String {
        match self {
            Self::Presto => format!("date_format({timestamp}, '%Y-%m-%dT%H:%i:%s.%fZ')"),
            Self::DuckDb => {
                format!("strftime({timestamp} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_quotes() {
        for dialect in [SqlDialect::Presto, SqlDialect::DuckDb] {
            assert_eq!(dialect.quoted("select"), "\"select\"");
            assert_eq!(dialect.quoted("a\" FROM b; --"), "\"a\"\" FROM b; --\"");
        }
    }

    #[test]
    fn every_kind_is_text_in_every_dialect() {
        let lines: Vec<_> = Kind::all()
            .flat_map(|kind| [(kind, SqlDialect::Presto), (kind, SqlDialect::DuckDb)])
            .map(|(kind, sql)| format!("{} | {}", sql.type_of(kind), sql.text("\"c\"", kind)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        boolean | CAST("c" AS varchar)
        boolean | CAST("c" AS varchar)
        bigint | CAST("c" AS varchar)
        bigint | CAST("c" AS varchar)
        double | CAST("c" AS varchar)
        double | CAST("c" AS varchar)
        timestamp | date_format("c", '%Y-%m-%dT%H:%i:%s.%fZ')
        timestamptz | strftime("c" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')
        varchar | "c"
        varchar | "c"
        array(boolean) | json_format(CAST("c" AS json))
        boolean[] | CAST(to_json("c") AS varchar)
        array(bigint) | json_format(CAST("c" AS json))
        bigint[] | CAST(to_json("c") AS varchar)
        array(double) | json_format(CAST("c" AS json))
        double[] | CAST(to_json("c") AS varchar)
        array(timestamp) | json_format(CAST(transform("c", x -> date_format(x, '%Y-%m-%dT%H:%i:%s.%fZ')) AS json))
        timestamptz[] | CAST(to_json(list_transform("c", lambda x: strftime(x AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'))) AS varchar)
        array(varchar) | json_format(CAST("c" AS json))
        varchar[] | CAST(to_json("c") AS varchar)
        varchar | "c"
        varchar | "c"
        "#);
    }
}
