//! What somebody did to a table by hand, and the table as it was.
//!
//! The files of a table are not touched when its columns are dropped or retyped in the catalog,
//! so the only columns that read them are those that were registered. Whoever reads a table sees
//! it healed: what is gone stands at its end again, under the name, path and type that it had.
//! How columns are ordered, what they are described as and what else stands beside them is free.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{
    ColumnEntry, Extension, SchemaError, TableEntry, TableName, TableSchema, registry,
    table::{COLUMN_PARAMETERS, data_entry},
};

/// A column that is not as Alluvium left it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Injury {
    /// Its table.
    pub table: TableName,
    /// Its name.
    pub column: String,
    /// What is wrong with it.
    #[serde(flatten)]
    pub damage: Damage,
}

/// What is wrong with a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "damage")]
pub enum Damage {
    /// It is gone.
    Dropped {
        /// The type that it had.
        needed: String,
    },
    /// It has another type than its files.
    Retyped {
        /// The type that it has.
        found: String,
        /// The type of the values in its files.
        needed: String,
    },
    /// The parameters that say what it holds are gone or changed.
    Stripped,
}

impl Damage {
    /// The word for it, as in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dropped { .. } => "dropped",
            Self::Retyped { .. } => "retyped",
            Self::Stripped => "stripped",
        }
    }

    /// The type that it has instead of its own.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        match self {
            Self::Retyped { found, .. } => Some(found),
            Self::Dropped { .. } | Self::Stripped => None,
        }
    }

    /// The type that it lacks.
    #[must_use]
    pub fn needed(&self) -> Option<&str> {
        match self {
            Self::Dropped { needed } | Self::Retyped { needed, .. } => Some(needed),
            Self::Stripped => None,
        }
    }
}

impl fmt::Display for Injury {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, damage } = self;
        write!(f, "column {column} of table {table} ")?;
        match damage {
            Damage::Dropped { needed } => write!(f, "is gone, but has files with type {needed}"),
            Damage::Retyped { found, needed } => {
                write!(f, "has type {found}, but its files need {needed}")
            }
            Damage::Stripped => f.write_str("lost parameters that say what it holds"),
        }
    }
}

/// A table as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealedTable {
    /// The table; as it was read, if nothing was wrong.
    pub entry: TableEntry,
    /// Its schema.
    pub schema: TableSchema,
    /// What was wrong.
    pub injuries: Vec<Injury>,
}

impl TableEntry {
    /// The table with everything that it was ever given. A table that Alluvium did not make is
    /// left as it is.
    ///
    /// # Errors
    /// When nothing tells what a column of Alluvium's held.
    pub fn heal(&self) -> Result<HealedTable, SchemaError> {
        let schema = self.schema()?;
        let mut healing = Healing { entry: self.clone(), injuries: Vec::new() };
        for column in self.fixed_columns() {
            healing.restore(&column);
        }
        for column in schema.columns() {
            healing.restore(&data_entry(&schema, column));
        }
        let Healing { mut entry, injuries } = healing;
        if !injuries.is_empty() {
            registry::write(&mut entry.parameters, &schema);
        }
        Ok(HealedTable { entry, schema, injuries })
    }
}

impl HealedTable {
    /// The same table with the columns of `remembered`, an earlier schema of it, that neither it
    /// nor its registry has any more. That is what it lacks when somebody wrote back a definition
    /// that was read before they came: their files are there all the same.
    ///
    /// What cannot be restored as it was is left out: a name that something else has by now, and
    /// whatever lies in an object that is kept whole by now.
    #[must_use]
    pub fn with_remembered(self, remembered: &TableSchema) -> Self {
        if remembered.columns().iter().all(|column| self.schema.has_place_of(column)) {
            return self;
        }
        let schema = self.schema.with_lost(remembered);
        let added = schema.columns().len() - self.schema.columns().len();
        if added == 0 {
            return self;
        }
        let extension = Extension { schema, added, kept_whole: Vec::new(), refused: Vec::new() };
        let entry = self.entry.extended(&self.schema, &extension);
        let mut injuries = self.injuries;
        injuries.extend(extension.added_columns().iter().map(|column| Injury {
            table: entry.name.clone(),
            column: column.name.to_string(),
            damage: Damage::Dropped { needed: column.kind.glue_type() },
        }));
        Self { entry, schema: extension.schema, injuries }
    }
}

struct Healing {
    entry: TableEntry,
    injuries: Vec<Injury>,
}

impl Healing {
    /// Makes the column of this name what it needs to be.
    fn restore(&mut self, needed: &ColumnEntry) {
        let ours = |parameters: &BTreeMap<String, String>| {
            COLUMN_PARAMETERS.map(|name| parameters.get(name).cloned())
        };
        let damage = match self.entry.columns.iter_mut().find(|c| c.name == needed.name) {
            None => {
                self.entry.columns.push(needed.clone());
                Damage::Dropped { needed: needed.glue_type.clone() }
            }
            Some(column) => {
                let stripped = ours(&column.parameters) != ours(&needed.parameters);
                if stripped {
                    column.parameters.retain(|name, _| !COLUMN_PARAMETERS.contains(&name.as_str()));
                    column.parameters.extend(needed.parameters.clone());
                }
                if column.glue_type != needed.glue_type {
                    let needed = needed.glue_type.clone();
                    let found = std::mem::replace(&mut column.glue_type, needed.clone());
                    Damage::Retyped { found, needed }
                } else if stripped {
                    Damage::Stripped
                } else {
                    return;
                }
            }
        };
        let (table, column) = (self.entry.name.clone(), needed.name.clone());
        self.injuries.push(Injury { table, column, damage });
    }
}

#[cfg(test)]
mod tests;
