//! What a contract says of columns that are there already: they stay as they are.

use alluvium_model::{
    ColumnName, ColumnRule, Contract, JsonPath, Kind, Mode, SchemaError, TableEntry, TableName,
    TableSchema,
};

/// Something that a contract says in vain. Its text begins with the file.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}: {contradiction}")]
pub struct ContractWarning {
    /// The file of the contract.
    pub file: String,
    /// What it says in vain.
    pub contradiction: Contradiction,
}

/// A rule of a path that has columns of another mind.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Contradiction {
    /// Its column has another kind than the contract declares.
    #[error(
        "{path} is {found} in table {table} and stays so, though it is declared as {declared}: what does not fit goes to {}",
        unfit(*mode)
    )]
    Kind {
        /// The path.
        path: JsonPath,
        /// The table.
        table: TableName,
        /// The kind of its column.
        found: Kind,
        /// The kind that is declared.
        declared: Kind,
        /// What becomes of values that do not fit.
        mode: Mode,
    },
    /// What is dropped or kept whole has columns.
    #[error(
        "{path} is {rule}, but table {table} has columns of it, such as {column}: they stay, and nothing new comes into them"
    )]
    Columns {
        /// The path.
        path: JsonPath,
        /// What the contract says of it.
        rule: &'static str,
        /// The table.
        table: TableName,
        /// The first of the columns.
        column: ColumnName,
    },
}

/// What `contract` says in vain of `table`.
pub(super) fn contradictions(
    contract: &Contract,
    table: &TableEntry,
) -> Result<Vec<ContractWarning>, SchemaError> {
    let (schema, rules) = (table.schema()?, contract.rules());
    let kind = |path: &JsonPath, declared: Kind| {
        let found = schema.base(path).map(|column| column.kind).filter(|kind| *kind != declared)?;
        let (path, table) = (path.clone(), table.name.clone());
        Some(Contradiction::Kind { path, table, found, declared, mode: rules.mode })
    };
    let columns = |path: &JsonPath, rule, column: Option<ColumnName>| {
        let (path, table) = (path.clone(), table.name.clone());
        column.map(|column| Contradiction::Columns { path, rule, table, column })
    };
    let found = rules.columns.iter().flat_map(|(path, rule)| match rule {
        ColumnRule::Drop => [columns(path, "dropped", at(&schema, path)), None],
        ColumnRule::Typed(Kind::Json) => {
            let below = columns(path, "kept as JSON text", below(&schema, path));
            [kind(path, Kind::Json), below]
        }
        ColumnRule::Typed(declared) => [kind(path, *declared), None],
    });
    let warning = |contradiction| {
        let file = contract.file().to_owned();
        ContractWarning { file, contradiction }
    };
    Ok(found.flatten().map(warning).collect())
}

/// The first column of what is at or below `path`.
fn at(schema: &TableSchema, path: &JsonPath) -> Option<ColumnName> {
    schema.base(path).map(|column| column.name.clone()).or_else(|| below(schema, path))
}

/// The first column of what is below `path`.
fn below(schema: &TableSchema, path: &JsonPath) -> Option<ColumnName> {
    let mut columns = schema.columns().iter();
    let is_below = |above: &JsonPath| above.ancestors().any(|above| above == path.as_str());
    columns.find(|column| is_below(&column.path)).map(|column| column.name.clone())
}

const fn unfit(mode: Mode) -> &'static str {
    match mode {
        Mode::Evolve => "siblings",
        Mode::Freeze => "_rescued",
        Mode::Quarantine => "quarantine, with its record",
    }
}
