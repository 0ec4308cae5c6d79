//! A table as the statement that would create it.

use crate::{ColumnEntry, TableEntry};

impl TableEntry {
    /// The `CREATE EXTERNAL TABLE` of Athena, Hive and Spark that is equivalent to this table,
    /// for people: Alluvium itself never runs SQL. Comments are left out, because they hold the
    /// keys of records, which may be anything.
    #[must_use]
    pub fn create_statement(&self) -> String {
        let location = self.location.as_str().replace('\'', "''");
        format!(
            "CREATE EXTERNAL TABLE `{}` (\n{}\n)\nPARTITIONED BY (\n{}\n)\nSTORED AS PARQUET\nLOCATION '{location}'",
            self.name,
            column_list(&self.columns),
            column_list(&self.partition_columns),
        )
    }
}

fn column_list(columns: &[ColumnEntry]) -> String {
    let lines = columns.iter().map(|column| format!("  `{}` {}", column.name, column.glue_type));
    lines.collect::<Vec<_>>().join(",\n")
}

#[cfg(test)]
mod tests {
    use crate::{PartitionSpec, TableEntry, TableSource, layout::table_location};

    #[test]
    fn a_table_has_a_statement() {
        let name: crate::TableName = "camera".parse().unwrap();
        let location = table_location(&"lake".parse().unwrap(), &name);
        let source = TableSource::new("camera");
        let table = TableEntry::new(name, &source, location, &PartitionSpec::default());
        insta::assert_snapshot!(table.create_statement(), @"
        CREATE EXTERNAL TABLE `camera` (
          `_source` string,
          `_record` bigint,
          `_arrived_at` timestamp,
          `_rescued` map<string,string>
        )
        PARTITIONED BY (
          `dt` string
        )
        STORED AS PARQUET
        LOCATION 'lake/camera/'
        ");
    }
}
