//! The unified view of a table: one column per path, whatever columns carry its values.
//!
//! | the columns of a path are | the view has |
//! |---|---|
//! | one | that column, as it is |
//! | numbers | a `double`: integers beyond 2^53 are rounded there, the table keeps them |
//! | anything else | text: a scalar as it is, a timestamp in RFC 3339, an array or object as JSON |
//!
//! System and partition columns pass through, `_rescued` as JSON text. Columns that others added
//! to the table are left out: no file of ours has them. Whatever a row has under a path is in one
//! of its columns, or the same number in two, so the first that is not NULL is the value.

use crate::{
    ColumnEntry, DataColumn, DatabaseName, Kind, Scalar, SchemaError, SqlDialect, SystemColumn,
    TableEntry, ViewEntry,
    comment::{COMMENT_BYTES_MAX, cut},
};

const TEXT: Kind = Kind::Scalar(Scalar::String);
const DOUBLE: Kind = Kind::Scalar(Scalar::Double);

/// A column of a view and how it is made.
struct UnifiedColumn {
    name: String,
    /// What it holds; JSON text is a string here.
    kind: Kind,
    comment: String,
    value: Value,
}

/// What is selected from the table.
enum Value {
    /// The column of the view's own name.
    AsItIs,
    /// That column, a map, as JSON text.
    MapAsJson,
    /// The first of these that is not NULL, as a number.
    Number(Vec<(String, Kind)>),
    /// The first of these that is not NULL, as text.
    Text(Vec<(String, Kind)>),
}

impl TableEntry {
    /// The unified view of this table as a catalog keeps it; none while no column has siblings,
    /// for then the table itself is all there is to see.
    ///
    /// # Errors
    /// When the table is not as Alluvium left it.
    pub fn unified_view(&self, database: &DatabaseName) -> Result<Option<ViewEntry>, SchemaError> {
        let needed = self.schema()?.has_siblings();
        Ok(if needed { Some(self.view(database)?) } else { None })
    }

    /// The same view whether it is needed or not: one that is there must go with its table.
    ///
    /// # Errors
    /// When the table is not as Alluvium left it.
    pub fn view(&self, database: &DatabaseName) -> Result<ViewEntry, SchemaError> {
        let column = |column: UnifiedColumn| ColumnEntry {
            name: column.name,
            glue_type: column.kind.glue_type(),
            comment: column.comment,
            parameters: [].into(),
        };
        Ok(ViewEntry {
            name: self.name.unified(),
            table: self.name.clone(),
            database: database.clone(),
            sql: self.unified_query(database)?,
            columns: self.unified_columns()?.into_iter().map(column).collect(),
        })
    }

    /// The query of the unified view in the dialect of Presto, whether one is needed or not.
    ///
    /// # Errors
    /// When the table is not as Alluvium left it.
    pub fn unified_query(&self, database: &DatabaseName) -> Result<String, SchemaError> {
        let sql = SqlDialect::Presto;
        let from = format!("{}.{}", sql.quoted(database.as_str()), sql.quoted(self.name.as_str()));
        self.unified_select(sql, &from)
    }

    /// The query that is the unified view, over the relation `from`.
    ///
    /// # Errors
    /// When the table is not as Alluvium left it.
    pub fn unified_select(&self, sql: SqlDialect, from: &str) -> Result<String, SchemaError> {
        let columns = self.unified_columns()?;
        let columns: Vec<_> = columns.iter().map(|column| column.select(sql)).collect();
        Ok(format!("SELECT\n  {}\nFROM {from}", columns.join(",\n  ")))
    }

    /// What `files`, an expression that `DuckDB` reads files by, is as a relation with all columns
    /// of this table: `DuckDB` knows none that no file has. Without files it is empty.
    ///
    /// # Errors
    /// When the table is not as Alluvium left it.
    pub fn duckdb_relation(&self, files: Option<&str>) -> Result<String, SchemaError> {
        let sql = SqlDialect::DuckDb;
        let null = |(name, type_name): (&str, String)| {
            format!("CAST(NULL AS {type_name}) AS {}", sql.quoted(name))
        };
        let system = SystemColumn::ALL.iter().map(|column| {
            let map = "map(varchar, varchar)".to_owned();
            (column.name(), system_kind(*column).map_or(map, |kind| sql.type_of(kind)))
        });
        let schema = self.schema()?;
        let data = schema.columns().iter().map(|c| (c.name.as_str(), sql.type_of(c.kind)));
        let partitions = self.partition_columns.iter().map(|c| (&*c.name, sql.type_of(TEXT)));
        let columns: Vec<_> = system.chain(data).chain(partitions).map(null).collect();
        let nothing = format!("SELECT {} WHERE false", columns.join(", "));
        Ok(match files {
            None => format!("({nothing})"),
            Some(files) => format!("({nothing}\n  UNION ALL BY NAME SELECT * FROM {files})"),
        })
    }

    fn unified_columns(&self) -> Result<Vec<UnifiedColumn>, SchemaError> {
        let schema = self.schema()?;
        let system = SystemColumn::ALL.iter().map(|column| UnifiedColumn::of_system(*column));
        let data = schema.columns().iter().filter(|column| schema.is_base(column)).map(|base| {
            UnifiedColumn::of_path(base, &schema.columns_of(&base.path).collect::<Vec<_>>())
        });
        let partitions = self.partition_columns.iter().map(|column| UnifiedColumn {
            name: column.name.clone(),
            kind: TEXT,
            comment: "partition".to_owned(),
            value: Value::AsItIs,
        });
        Ok(system.chain(data).chain(partitions).collect())
    }
}

impl UnifiedColumn {
    fn of_system(column: SystemColumn) -> Self {
        let (name, comment) = (column.name().to_owned(), column.comment().to_owned());
        let (kind, value) = match system_kind(column) {
            Some(kind) => (kind, Value::AsItIs),
            None => (TEXT, Value::MapAsJson),
        };
        Self { name, kind, comment, value }
    }

    /// The column for a path, by the columns that carry its values, the first one first.
    fn of_path(base: &DataColumn, carriers: &[&DataColumn]) -> Self {
        let is_number = |column: &&DataColumn| {
            matches!(column.kind, Kind::Scalar(Scalar::Bigint | Scalar::Double))
        };
        let named = carriers.iter().map(|column| (column.name.to_string(), column.kind));
        let (kind, value) = if carriers.len() < 2 {
            (if base.kind == Kind::Json { TEXT } else { base.kind }, Value::AsItIs)
        } else if carriers.iter().all(is_number) {
            (DOUBLE, Value::Number(named.collect()))
        } else {
            (TEXT, Value::Text(named.collect()))
        };
        let comment = cut(&base.path, COMMENT_BYTES_MAX);
        Self { name: base.name.to_string(), kind, comment, value }
    }

    fn select(&self, sql: SqlDialect) -> String {
        let name = sql.quoted(&self.name);
        let number = |(name, kind): &(String, Kind)| {
            let column = sql.quoted(name);
            if *kind == DOUBLE { column } else { format!("CAST({column} AS double)") }
        };
        let text = |(name, kind): &(String, Kind)| sql.text(&sql.quoted(name), *kind);
        let value = match &self.value {
            Value::AsItIs => return name,
            Value::MapAsJson => sql.json_text(&name),
            Value::Number(columns) => first_of(columns.iter().map(number)),
            Value::Text(columns) => first_of(columns.iter().map(text)),
        };
        format!("{value} AS {name}")
    }
}

fn first_of(values: impl Iterator<Item = String>) -> String {
    format!("COALESCE({})", values.collect::<Vec<_>>().join(", "))
}

/// The kind of a system column; none for the map of rescued values.
const fn system_kind(column: SystemColumn) -> Option<Kind> {
    match column {
        SystemColumn::Source => Some(TEXT),
        SystemColumn::Record => Some(Kind::Scalar(Scalar::Bigint)),
        SystemColumn::ArrivedAt => Some(Kind::Scalar(Scalar::Timestamp)),
        SystemColumn::Rescued => None,
    }
}

#[cfg(test)]
mod tests;
