//! Views in the Glue catalog, as Athena and Trino keep theirs.

use alluvium_model::{
    ErrorKind, PortError, TableName, Version, Versioned, ViewEntry,
    ports::{Commit, FoundView, PortResult, ReplaceViews},
};
use aws_sdk_glue::types::{SerDeInfo, StorageDescriptor, Table, TableInput};

use crate::{
    GlueCatalog,
    catalog::{CHANGED, THERE, version},
    error::{has_code, port_error},
    table_input::{column, column_entry},
};

const TABLE_TYPE: &str = "VIRTUAL_VIEW";
/// The table that a view of ours is a view of.
const VIEW_OF: &str = "alluvium.view_of";

/// Whether a table of Glue is a view of any kind.
pub(crate) fn is_view(table: &Table) -> bool {
    table.table_type() == Some(TABLE_TYPE)
}

impl ReplaceViews for GlueCatalog {
    async fn unified_view(&self, table: &TableName) -> PortResult<FoundView> {
        let name = table.unified();
        let Some(found) = self.get(&name).await? else { return Ok(FoundView::Nothing) };
        let view_of = found.parameters().and_then(|parameters| parameters.get(VIEW_OF));
        if !is_view(&found) || view_of.map(String::as_str) != Some(table.as_str()) {
            return Ok(FoundView::Foreign);
        }
        let version = version(&found).ok_or_else(|| {
            let error = PortError::new(ErrorKind::Invalid, "read the view", name.as_str());
            error.because("the catalog keeps no version of it")
        })?;
        let text = found.view_original_text().unwrap_or_default();
        let columns = found.storage_descriptor().map(StorageDescriptor::columns);
        let value = ViewEntry {
            name,
            table: table.clone(),
            database: self.database().clone(),
            // What is no text of Presto any more is another query than ours, as it stands.
            sql: ViewEntry::sql_of_presto_text(text).unwrap_or_else(|| text.to_owned()),
            columns: columns.unwrap_or_default().iter().map(column_entry).collect(),
        };
        Ok(FoundView::Ours(Versioned { value, version }))
    }

    async fn create_view(&self, view: &ViewEntry) -> PortResult<Commit> {
        let request = self.client().create_table().database_name(self.database().as_str());
        match request.table_input(view_input(view)?).send().await {
            Ok(_) => Ok(Commit::Done),
            Err(error) if has_code(&error, THERE) => Ok(Commit::Conflict),
            Err(error) => Err(port_error("create the view", view.name.as_str(), error)),
        }
    }

    async fn replace_view(&self, view: &ViewEntry, expected: &Version) -> PortResult<Commit> {
        let request = self
            .client()
            .update_table()
            .database_name(self.database().as_str())
            .table_input(view_input(view)?)
            .version_id(&expected.0)
            .skip_archive(true);
        match request.send().await {
            Ok(_) => Ok(Commit::Done),
            Err(error) if has_code(&error, CHANGED) => Ok(Commit::Conflict),
            Err(error) => Err(port_error("replace the view", view.name.as_str(), error)),
        }
    }
}

/// What to send to Glue for a view. All of it is ours, so nothing is carried over.
fn view_input(view: &ViewEntry) -> PortResult<TableInput> {
    let columns = view.columns.iter().map(column).collect::<PortResult<Vec<_>>>()?;
    let storage = StorageDescriptor::builder()
        .set_columns(Some(columns))
        .serde_info(SerDeInfo::builder().build())
        .build();
    TableInput::builder()
        .name(view.name.as_str())
        .table_type(TABLE_TYPE)
        .view_original_text(view.presto_text())
        .view_expanded_text("/* Presto View */")
        .storage_descriptor(storage)
        .set_partition_keys(Some(Vec::new()))
        .parameters("presto_view", "true")
        .parameters("comment", "Presto View")
        .parameters(VIEW_OF, view.table.as_str())
        .build()
        .map_err(|error| {
            PortError::new(ErrorKind::Bug, "describe", view.name.as_str()).because(error)
        })
}
