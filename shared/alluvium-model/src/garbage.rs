//! What nobody names any more, and is deleted once nobody can be reading it.

use serde::{Deserialize, Serialize};

use crate::{PartitionKey, TableName, layout::Location};

/// A location of a partition that a swap has left behind, or has given up. The key of the object
/// that says so tells not before when it may be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage {
    /// The table.
    pub table: TableName,
    /// The partition.
    pub partition: PartitionKey,
    /// The location. No generation is ever made again, so it stays garbage.
    pub location: Location,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{UtcInstant, layout};

    #[test]
    fn garbage_is_noted_under_the_time_from_which_it_may_be_deleted() {
        let database = "lake".parse().unwrap();
        let garbage = Garbage {
            table: "camera".parse().unwrap(),
            partition: PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())]),
            location: Location::from_catalog("lake/camera/dt=2026-11-22"),
        };
        let not_before: UtcInstant = "2026-11-23T10:00:00Z".parse().unwrap();
        let key = layout::garbage_key(&database, not_before, &garbage);
        insta::assert_snapshot!(key, @"_alluvium/garbage/lake/2026-11-23T10:00:00Z/786c6b554ce64cc93f0115207835c1f6.json");
        assert_eq!(layout::garbage_date(&database, &key), Some(not_before));
        assert_eq!(layout::garbage_date(&"other".parse().unwrap(), &key), None);
        let text = serde_json::to_string(&garbage).unwrap();
        assert_eq!(serde_json::from_str::<Garbage>(&text).unwrap(), garbage);
        insta::assert_snapshot!(text, @r#"{"table":"camera","partition":[["dt","2026-11-22"]],"location":"lake/camera/dt=2026-11-22/"}"#);
    }
}
