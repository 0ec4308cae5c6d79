//! A view as a catalog keeps it.
//!
//! Presto, and with it Athena and Trino, keeps a view as a comment with JSON in base64: the query,
//! the catalog and schema that its names are looked up in, and the columns with their types.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{ColumnEntry, DatabaseName, Kind, SqlDialect, TableName};

/// Bytes of the text of a view at most (AWS documentation, Glue `TableInput`: 409,600).
pub const VIEW_TEXT_BYTES_MAX: usize = 409_600;

const BEGIN: &str = "/* Presto View: ";
const END: &str = " */";
/// What Athena calls the Glue catalog.
const CATALOG: &str = "awsdatacatalog";

/// A view of Alluvium's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewEntry {
    /// The name, in the namespace of tables.
    pub name: TableName,
    /// The table that it is a view of.
    pub table: TableName,
    /// Their database.
    pub database: DatabaseName,
    /// The query, in the dialect of Presto.
    pub sql: String,
    /// Its columns, with Glue types and no parameters.
    pub columns: Vec<ColumnEntry>,
}

/// What the comment holds. Trino and Athena read more fields, all of which may be left out.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PrestoView {
    original_sql: String,
    catalog: String,
    schema: String,
    columns: Vec<PrestoColumn>,
    /// With the permissions of whoever asks: Trino demands an owner otherwise (trino #18573).
    run_as_invoker: bool,
}

#[derive(Serialize, Deserialize)]
struct PrestoColumn {
    name: String,
    #[serde(rename = "type")]
    sql_type: String,
}

impl ViewEntry {
    /// The text of the view as Presto keeps it.
    #[must_use]
    pub fn presto_text(&self) -> String {
        let column = |column: &ColumnEntry| PrestoColumn {
            name: column.name.clone(),
            sql_type: presto_type(&column.glue_type),
        };
        let view = PrestoView {
            original_sql: self.sql.clone(),
            catalog: CATALOG.to_owned(),
            schema: self.database.to_string(),
            columns: self.columns.iter().map(column).collect(),
            run_as_invoker: true,
        };
        // Text and lists of text are always JSON.
        let json = serde_json::to_vec(&view).unwrap_or_default();
        format!("{BEGIN}{}{END}", BASE64_STANDARD.encode(json))
    }

    /// The query in the text of a view; none if it is no view of Presto.
    #[must_use]
    pub fn sql_of_presto_text(text: &str) -> Option<String> {
        let encoded = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
        let json = BASE64_STANDARD.decode(encoded).ok()?;
        serde_json::from_slice(&json).ok().map(|view: PrestoView| view.original_sql)
    }
}

/// The type of a column of Glue as Presto calls it.
fn presto_type(glue_type: &str) -> String {
    let kind = Kind::all().find(|kind| kind.glue_type() == glue_type);
    kind.map_or_else(|| glue_type.to_owned(), |kind| SqlDialect::Presto.type_of(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_a_comment_with_json() {
        let column = |name: &str, glue_type: &str| ColumnEntry {
            name: name.to_owned(),
            glue_type: glue_type.to_owned(),
            comment: "no part of the text".to_owned(),
            parameters: [].into(),
        };
        let view = ViewEntry {
            name: "camera_unified".parse().unwrap(),
            table: "camera".parse().unwrap(),
            database: "lake".parse().unwrap(),
            sql: "SELECT \"a\", \"tags\"\nFROM \"lake\".\"camera\"".to_owned(),
            columns: vec![column("a", "string"), column("tags", "array<timestamp>")],
        };
        let text = view.presto_text();
        let json = BASE64_STANDARD.decode(text[BEGIN.len()..].strip_suffix(END).unwrap()).unwrap();
        insta::assert_snapshot!(String::from_utf8(json).unwrap(), @r#"{"originalSql":"SELECT \"a\", \"tags\"\nFROM \"lake\".\"camera\"","catalog":"awsdatacatalog","schema":"lake","columns":[{"name":"a","type":"varchar"},{"name":"tags","type":"array(timestamp)"}],"runAsInvoker":true}"#);
        assert_eq!(ViewEntry::sql_of_presto_text(&text), Some(view.sql));
        for other in ["", "SELECT 1", "/* Presto View: e30= */", "/* Presto View: ? */"] {
            assert_eq!(ViewEntry::sql_of_presto_text(other), None, "{other}");
        }
    }
}
