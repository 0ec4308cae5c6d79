//! What is loaded while processes die.

use alluvium_model::{LAYOUT_VERSION, Limits};

use crate::mortal::End;

/// Sources that are delivered one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The contract of the table, if it has one.
    pub(crate) contract: Option<&'static str>,
    /// Records a part.
    pub(crate) part_records: u32,
    /// The layouts of the first process and of all that follow.
    pub(crate) layouts: [u32; 2],
    /// Keys and texts; below `fading/` they are deleted while they are read.
    pub(crate) sources: &'static [(&'static str, &'static str)],
    /// Files that there are in the end, all of them in the ledger.
    pub(crate) files: usize,
}

const PLAIN: Scenario = Scenario {
    name: "",
    contract: None,
    part_records: 1_000,
    layouts: [LAYOUT_VERSION; 2],
    sources: &[],
    files: 0,
};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "partitions",
        contract: Some("table = \"camera\"\n[partition]\nby = [\"identity($.state)\"]"),
        sources: &[
            ("camera/1", "{\"state\":\"CA\",\"a\":1}\n{\"state\":\"NY\",\"a\":2}\n{\"a\":3}"),
            ("camera/2", "{\"state\":\"NY\",\"a\":4}\n{\"state\":\"WA\",\"a\":5}"),
        ],
        files: 5,
        ..PLAIN
    },
    Scenario {
        name: "new columns and a conflict",
        sources: &[
            ("camera/1", "{\"a\":1}"),
            ("camera/2", "{\"a\":\"x\",\"b\":[1]}"),
            ("camera/3", "{\"a\":2.5,\"c\":{\"d\":null,\"e\":true}}"),
        ],
        files: 3,
        ..PLAIN
    },
    Scenario {
        name: "several parts",
        part_records: 2,
        sources: &[("camera/1", "{\"a\":1}\n{\"a\":2}\n{\"a\":\"x\"}\nbad\n{\"b\":5}")],
        files: 4,
        ..PLAIN
    },
    Scenario {
        name: "quarantined records",
        sources: &[
            ("camera/1", "{\"a\":1}\nbad\n[2,3]\n{\"a\":4"),
            ("camera/2", "bad\nworse\n"),
            ("nowhere", "{\"a\":1}"),
        ],
        files: 4,
        ..PLAIN
    },
    Scenario {
        name: "routed to several tables",
        contract: Some("table = \"log\"\n[source]\nroute = \"$.type\""),
        part_records: 2,
        sources: &[(
            "log/1",
            "{\"type\":\"x\",\"a\":1}\n{\"type\":\"y\",\"b\":2}\n{\"type\":\"x\",\"a\":\"s\"}\n{\"c\":3}\n{\"type\":\"x\"}",
        )],
        files: 5,
        ..PLAIN
    },
    Scenario {
        name: "a source that is superseded",
        part_records: 2,
        sources: &[
            ("camera/1", "{\"a\":1}"),
            ("fading/1", "{\"a\":1}\n{\"a\":2,\"b\":true}\n{\"c\":\"x\"}\n"),
            ("fading/2", "bad\nworse\nbad\n{\"a\":1}\n"),
        ],
        files: 1,
        ..PLAIN
    },
    Scenario {
        name: "new fields are quarantined",
        contract: Some(
            "table = \"camera\"\n[schema]\nmode = \"quarantine\"\n[columns]\n\"$.a\" = { type = \"bigint\" }",
        ),
        part_records: 2,
        sources: &[
            ("camera/1", "{\"a\":1}\n{\"a\":2,\"new\":3}\n{\"a\":4}"),
            ("camera/2", "{\"new\":1}\n{\"a\":\"unfit\"}"),
        ],
        files: 5,
        ..PLAIN
    },
];

pub(crate) const UPGRADED: Scenario = Scenario {
    name: "a later layout takes over",
    contract: Some("table = \"camera\"\n[partition]\nby = [\"identity($.state)\"]"),
    part_records: 2,
    layouts: [LAYOUT_VERSION, LAYOUT_VERSION + 1],
    sources: &[("camera/1", "{\"state\":\"CA\",\"a\":1}\n{\"state\":\"NY\"}\nbad\n{\"a\":3}")],
    files: 4,
};

impl Scenario {
    pub(crate) fn limits(&self) -> Limits {
        let (part_text_bytes, record_bytes) = (1 << 16, 1 << 16);
        let part_records = self.part_records;
        Limits { part_text_bytes, record_bytes, part_records, ..Limits::default() }
    }

    /// A scenario that no longer is what its name says would prove nothing.
    pub(crate) fn assert_shows_what_it_is_for(&self, end: &End) {
        let files = end.objects.keys().filter(|key| key.as_str().ends_with(".parquet"));
        assert_eq!(files.count(), self.files, "{}", self.name);
    }
}
