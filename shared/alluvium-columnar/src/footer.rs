//! What the footer of a file says of its data columns: where they come from.

use alluvium_model::{ColumnName, DataColumn, Kind};
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

/// The footer key under which a file says where its columns come from.
pub(crate) const FOOTER_KEY: &str = "alluvium.columns";

/// The footer of a file with these data columns.
pub(crate) fn footer<'a>(
    columns: impl IntoIterator<Item = &'a DataColumn>,
) -> Result<KeyValue, serde_json::Error> {
    #[derive(Serialize)]
    struct FooterColumn<'a> {
        name: &'a str,
        path: &'a str,
        r#type: String,
        kind: String,
        sibling_of: Option<&'a str>,
    }
    let column = |column: &'a DataColumn| FooterColumn {
        name: column.name.as_str(),
        path: column.path.as_str(),
        r#type: column.kind.glue_type(),
        kind: column.kind.to_string(),
        sibling_of: column.sibling_of.as_ref().map(ColumnName::as_str),
    };
    let columns: Vec<_> = columns.into_iter().map(column).collect();
    Ok(KeyValue::new(FOOTER_KEY.to_owned(), serde_json::to_string(&columns)?))
}

/// A data column as the footer of a file describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredColumn {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) sibling_of: Option<String>,
}

impl StoredColumn {
    /// Whether it is this column of a table.
    pub(crate) fn is(&self, column: &DataColumn) -> bool {
        column.name.as_str() == self.name
            && column.path.as_str() == self.path
            && column.kind == self.kind
    }
}

/// A footer that cannot be read.
#[derive(Debug)]
pub(crate) struct UnreadableFooter;

/// The data columns that a footer describes; none if it says nothing of columns.
pub(crate) fn stored_columns(
    footer: Option<&Vec<KeyValue>>,
) -> Result<Option<Vec<StoredColumn>>, UnreadableFooter> {
    let pair = footer.into_iter().flatten().find(|pair| pair.key == FOOTER_KEY);
    let Some(pair) = pair else { return Ok(None) };
    let columns = pair.value.as_ref().and_then(|text| serde_json::from_str(text).ok());
    columns.map(Some).ok_or(UnreadableFooter)
}
