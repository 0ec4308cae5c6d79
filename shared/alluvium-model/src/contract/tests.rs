use jiff::SignedDuration;

use super::*;
use crate::{
    Budget, ColumnRule, EventTime, JsonPath, Kind, Mode, NameStyle, Numbers, PartitionSpec, Scalar,
    TimeFormat, Timestamps, Window,
};

/// The contract of DESIGN.md §4.1, every key of it.
const EVERY_KEY: &str = r#"
table = "camera"

[source]
prefix = "cameras/"
route = "$.type"
wrappers = ["events"]

[time]
event_time = "$._data.log_ts"
format = "ms"
window = { past = "36h", future = "90m" }

[partition]
by = ["day(event_time)", "identity($._data.record.state) as state"]

[schema]
mode = "freeze"
max_columns = 500
max_keys = 50
max_depth = 8
names = "lower"
numbers = "double"
timestamps = "string"

[columns]
"$.price" = { type = "double" }
"$.tags" = { type = "array<string>" }
"$.raw" = { type = "json" }
"$.debug" = { drop = true }
"#;

fn read(file: &str, text: &str) -> Result<Contract, ContractErrors> {
    Contract::read(file, text.as_bytes())
}

/// What is wrong with the contract of table `t` that says this besides its name, a line each.
fn wrong(text: &str) -> String {
    errors("t.toml", &format!("table = \"t\"\n{text}"))
}

fn errors(file: &str, text: &str) -> String {
    let errors = read(file, text).expect_err("something is wrong with it").0;
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_key_is_understood() {
    let contract = read("infra/tables/camera.toml", EVERY_KEY).unwrap();
    assert_eq!(contract.file(), "infra/tables/camera.toml");
    let path = |text: &str| text.parse::<JsonPath>().unwrap();
    let expected = TableRules {
        wrappers: vec!["events".to_owned()],
        route: Some(path("$.type")),
        event_time: Some(EventTime {
            path: path("$._data.log_ts"),
            format: TimeFormat::Milliseconds,
            window: Window {
                past: SignedDuration::from_hours(36),
                future: SignedDuration::from_mins(90),
            },
        }),
        partitions: "day(event_time), identity($._data.record.state) as state".parse().unwrap(),
        mode: Mode::Freeze,
        budget: Budget { max_columns: 500, max_keys: 50, ..Budget::default() },
        max_depth: Some(8),
        names: NameStyle::Lower,
        numbers: Numbers::Double,
        timestamps: Timestamps::String,
        columns: [
            (path("$.price"), ColumnRule::Typed(Kind::Scalar(Scalar::Double))),
            (path("$.tags"), ColumnRule::Typed(Kind::Array(Scalar::String))),
            (path("$.raw"), ColumnRule::Typed(Kind::Json)),
            (path("$.debug"), ColumnRule::Drop),
        ]
        .into(),
    };
    assert_eq!(**contract.rules(), expected);
}

#[test]
fn what_is_not_said_is_as_without_a_contract() {
    let contract = read("t.toml", "table = \"t\"").unwrap();
    assert_eq!(**contract.rules(), TableRules::default());
    assert_eq!(contract.rules().digest(), None);
    let default = read("lake/_default.toml", "").unwrap();
    assert_eq!((default.table(), default.destination()), (None, None));
}

#[test]
fn a_path_is_the_same_however_it_is_written() {
    let rules = read("t.toml", "table = \"t\"\n[columns]\n'$[\"a\"].b' = { drop = true }").unwrap();
    let path = "$.a.b".parse().unwrap();
    assert_eq!(rules.rules().columns, [(path, ColumnRule::Drop)].into());
}

#[test]
fn keys_that_nobody_knows_are_named_with_the_nearest() {
    insta::assert_snapshot!(wrong("[schemas]\nmode = 'evolve'"), @"t.toml:2:2: there is no key `schemas`; did you mean `schema`?");
    insta::assert_snapshot!(wrong("[schema]\nmax_column = 3\ncolour = 'red'"), @r"
    t.toml:3:1: there is no key `schema.max_column`; did you mean `max_columns`?
    t.toml:4:1: there is no key `schema.colour`
    ");
    insta::assert_snapshot!(wrong("[columns]\n'$.a' = { typ = 'json' }"), @r#"
    t.toml:3:11: there is no key `columns."$.a".typ`; did you mean `type`?
    "#);
    insta::assert_snapshot!(wrong("[time]\nevent_time = '$.at'\nwindow = { past = '1d', futur = '1d' }"), @"t.toml:4:25: there is no key `time.window.futur`; did you mean `future`?");
}

#[test]
fn all_that_is_wrong_is_told_in_its_order() {
    let text = "[partition]\nby = ['day(event_time)', 'month(event_time)']\n\n[schema]\nmode = 'evolv'\nmax_depth = 129\n";
    insta::assert_snapshot!(wrong(text), @r"
    t.toml:3:26: `partition.by`: `month(event_time)` is not like day(event_time), hour(arrived_at), identity($.a.b) or bucket(16, $.a.b); the last two may be followed by `as name`
    t.toml:6:8: `schema.mode`: `evolv` is none of evolve, freeze, quarantine; did you mean `evolve`?
    t.toml:7:13: `schema.max_depth`: 129 is no number from 1 to 128
    ");
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    insta::assert_snapshot!(wrong("[schema\nmode = evolve"), @"t.toml:2:8: unclosed table, expected `]`");
    insta::assert_snapshot!(wrong("[schema]\nmode = 'evolve'\nmode = 'freeze'"), @"t.toml:4:1: duplicate key");
    insta::assert_snapshot!(wrong("é = 1 2"), @r"
    t.toml:2:1: invalid unquoted key, expected letters, numbers, `-`, `_`
    t.toml:2:5: string values must be quoted, expected literal string
    ");
    let error = Contract::read("t.toml", b"table = \"t\"\n# \xff").unwrap_err();
    insta::assert_snapshot!(error, @"t.toml:2:3: it is not UTF-8");
}

#[test]
fn values_of_another_type_are_refused() {
    insta::assert_snapshot!(wrong("schema = 1"), @"t.toml:2:10: `schema` is a whole number; it must be a section");
    insta::assert_snapshot!(wrong("[schema]\nmax_keys = 'many'\nmode = true"), @r"
    t.toml:3:12: `schema.max_keys` is a text; it must be a whole number
    t.toml:4:8: `schema.mode` is `true`; it must be a text
    ");
    insta::assert_snapshot!(wrong("[partition]\nby = 'day(event_time)'"), @"t.toml:3:6: `partition.by` is a text; it must be a list of texts");
    insta::assert_snapshot!(wrong("[partition]\nby = ['day(arrived_at)', 1]"), @"t.toml:3:26: `partition.by` is a whole number; it must be a text");
    insta::assert_snapshot!(wrong("[columns]\n'$.a' = 'double'\n'$.b' = { drop = false }"), @r#"
    t.toml:3:9: `columns."$.a"` is a text; it must be like { type = "double" } or { drop = true }
    t.toml:4:18: `columns."$.b".drop` is `false`; it must be `true`
    "#);
}

#[test]
fn what_comes_later_is_refused_and_not_ignored() {
    insta::assert_snapshot!(wrong("[retention]\ndays = 3"), @"t.toml:2:2: `retention`: retention periods are not yet supported");
    insta::assert_snapshot!(wrong("[columns]\n'$.user.email' = { privacy = 'hash' }"), @r#"t.toml:3:30: `columns."$.user.email".privacy`: rules of privacy are not yet supported"#);
}

#[test]
fn numbers_and_words_have_bounds() {
    insta::assert_snapshot!(wrong("[schema]\nmax_columns = 0\nmax_keys = -1\nmax_depth = 0x81"), @r"
    t.toml:3:15: `schema.max_columns`: 0 is no number from 1 to 10000
    t.toml:4:12: `schema.max_keys`: -1 is no number from 1 to 10000
    t.toml:5:13: `schema.max_depth`: 129 is no number from 1 to 128
    ");
    insta::assert_snapshot!(wrong("[schema]\nmax_columns = 99999999999999999999"), @"t.toml:3:15: `schema.max_columns`: 99999999999999999999 is no number from 1 to 10000");
    insta::assert_snapshot!(wrong("[schema]\nnames = 'Snake'\nnumbers = 'float'\ntimestamps = ''"), @r"
    t.toml:3:9: `schema.names`: `Snake` is none of snake, lower; did you mean `snake`?
    t.toml:4:11: `schema.numbers`: `float` is none of infer, double
    t.toml:5:14: `schema.timestamps`: `` is none of infer, string
    ");
    insta::assert_snapshot!(wrong("[source]\nwrappers = ['Records', 'a', 'a', '']"), @r"
    t.toml:3:13: `source.wrappers`: `Records` is empty, `Records` or said twice
    t.toml:3:29: `source.wrappers`: `a` is empty, `Records` or said twice
    t.toml:3:34: `source.wrappers`: `` is empty, `Records` or said twice
    ");
}

#[test]
fn times_are_judged() {
    insta::assert_snapshot!(wrong("[time]\nevent_time = '$'\nformat = 'iso'"), @r"
    t.toml:3:14: `time.event_time`: `$` is the record itself and no value in it
    t.toml:4:10: `time.format`: `iso` is none of rfc3339, s, ms, us, ns, a pattern such as `%Y-%m-%d %H:%M:%S`
    ");
    insta::assert_snapshot!(wrong("[time]\nevent_time = '$.at'\nformat = '%H:%M'"), @"t.toml:4:10: `time.format`: `%H:%M` is no pattern of strptime that tells a date: `21:30` cannot be read with it");
    insta::assert_snapshot!(wrong("[time]\nevent_time = 'at'\nwindow = { past = '1w', future = '-1d' }"), @r#"
    t.toml:3:14: `time.event_time`: `at` is not a JSON path like `$.a.b` or `$["a b"].c`
    t.toml:4:19: `time.window.past`: `1w` is no span of time such as 30s, 90m, 36h or 3650d
    t.toml:4:34: `time.window.future`: `-1d` is no span of time such as 30s, 90m, 36h or 3650d
    "#);
    insta::assert_snapshot!(wrong("[time]\nformat = 's'"), @"t.toml:2:2: `time`: what it says needs `time.event_time`");
    let time =
        "[time]\nevent_time = '$.at'\nformat = '%d/%b/%Y:%H:%M:%S %z'\nwindow = { past = '0s' }";
    assert!(read("t.toml", &format!("table = 't'\n{time}")).is_ok());
}

#[test]
fn partitions_need_what_they_use() {
    insta::assert_snapshot!(wrong("[partition]\nby = ['day(event_time)']"), @"t.toml:3:6: `partition.by`: the event_time in it needs `time.event_time`");
    insta::assert_snapshot!(wrong("[partition]\nby = []"), @"t.toml:3:6: `partition.by`: a table has at least one partition column");
    insta::assert_snapshot!(wrong("[partition]\nby = ['hour(arrived_at)', 'identity($.a)', 'identity($.b)']"), @"t.toml:3:6: `partition.by`: there are 4 partition columns; 3 are the most");
    insta::assert_snapshot!(wrong("[partition]\nby = ['identity($.a.id)', 'identity($.b.id)']"), @"t.toml:3:6: `partition.by`: there are two partition columns id");
    insta::assert_snapshot!(wrong("[partition]\nby = ['identity($.a) as _source', 'identity($.b) as b__json']"), @r"
    t.toml:3:7: `partition.by`: `_source` is no name for a partition column: lower-case letters, digits and single underscores, beginning with a letter
    t.toml:3:35: `partition.by`: `b__json` is no name for a partition column: lower-case letters, digits and single underscores, beginning with a letter
    ");
}

#[test]
fn a_value_that_is_taken_away_cannot_be_used() {
    let columns = "[columns]\n'$.a' = { drop = true }\n'$.j' = { type = 'json' }\n'$.l' = { type = 'array<bigint>' }";
    let check = |said: &str| wrong(&format!("{said}\n{columns}"));
    insta::assert_snapshot!(check("[time]\nevent_time = '$.a'"), @"t.toml:3:14: `time.event_time`: $.a is dropped");
    insta::assert_snapshot!(check("[source]\nroute = '$.a.type'"), @"t.toml:3:9: `source.route`: $.a.type lies in $.a, which is dropped");
    insta::assert_snapshot!(check("[partition]\nby = ['identity($.j.x)', 'bucket(4, $.l)']"), @r"
    t.toml:3:6: `partition.by`: $.j.x lies in $.j, which is kept as JSON text (`json`)
    t.toml:3:6: `partition.by`: $.l is declared as array<bigint>, which holds no single value
    ");
    let below = format!("{columns}\n'$.a.b' = {{ type = 'double' }}\n'$.j.b' = {{ drop = true }}");
    insta::assert_snapshot!(wrong(&below), @r#"
    t.toml:6:1: `columns."$.a.b"`: $.a.b lies in $.a, which is dropped
    t.toml:7:1: `columns."$.j.b"`: $.j.b lies in $.j, which is kept as JSON text (`json`)
    "#);
}

#[test]
fn a_path_that_never_holds_a_value_is_refused() {
    let schema = "[schema]\nmax_depth = 2";
    let columns = "[columns]\n'$.x.y' = { type = 'json' }\n'$.x.z.w' = { type = 'double' }\n'$.a.b.c' = { drop = true }";
    insta::assert_snapshot!(wrong(&format!("{schema}\n{columns}")), @r#"t.toml:6:1: `columns."$.x.z.w"`: $.x.z.w lies 3 keys deep, and what is below 2 is kept as JSON text (`schema.max_depth`)"#);
    let time = "[source]\nroute = '$.a.b.d'\n[time]\nevent_time = '$.a.b.e'";
    let by = "[partition]\nby = ['day(event_time)', 'identity($.a.b.f)', 'bucket(2, $.a.g)']";
    insta::assert_snapshot!(wrong(&format!("{time}\n{by}\n{schema}")), @r#"
    t.toml:3:9: `source.route`: $.a.b.d lies 3 keys deep, and what is below 2 is kept as JSON text (`schema.max_depth`)
    t.toml:5:14: `time.event_time`: $.a.b.e lies 3 keys deep, and what is below 2 is kept as JSON text (`schema.max_depth`)
    t.toml:7:6: `partition.by`: $.a.b.f lies 3 keys deep, and what is below 2 is kept as JSON text (`schema.max_depth`)
    "#);
    // As deep as without a contract.
    let at = |depth: usize| format!("[time]\nevent_time = '${}'", ".a".repeat(depth));
    insta::assert_snapshot!(wrong(&at(33)), @"t.toml:3:14: `time.event_time`: $.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a lies 33 keys deep, and what is below 32 is kept as JSON text (`schema.max_depth`)");
    assert!(read("t.toml", &format!("table = 't'\n{}", at(32))).is_ok());
    let long = |bytes: usize| {
        let path = format!("$.{}", "k".repeat(bytes - 2));
        format!("[columns]\n'{path}' = {{ type = 'double' }}")
    };
    let error = wrong(&long(1_025));
    assert!(error.ends_with("… has 1025 bytes; 1024 are the most"), "{error}");
    assert!(read("t.toml", &format!("table = 't'\n{}", long(1_024))).is_ok());
}

#[test]
fn what_is_declared_has_room() {
    let declared = |count: usize| {
        let lines = (0..count).map(|n| format!("'$.c{n}' = {{ type = 'double' }}\n"));
        lines.collect::<Vec<_>>().concat()
    };
    let columns = declared(4);
    let check = |max: u32| {
        format!("[schema]\nmax_columns = {max}\n[columns]\n'$.a' = {{ drop = true }}\n{columns}")
    };
    insta::assert_snapshot!(wrong(&check(8)), @"t.toml:3:15: `schema.max_columns`: 4 columns are declared, and `max_columns` leaves room for 3 beside those of the system and of partitions");
    insta::assert_snapshot!(wrong(&check(2)), @"t.toml:3:15: `schema.max_columns`: 4 columns are declared, and `max_columns` leaves room for 0 beside those of the system and of partitions");
    assert!(read("t.toml", &format!("table = 't'\n{}", check(9))).is_ok());
    let many = declared(996);
    insta::assert_snapshot!(wrong(&format!("[columns]\n{many}")), @r#"t.toml:998:1: `columns."$.c995"`: 996 columns are declared, and `max_columns` leaves room for 995 beside those of the system and of partitions"#);
}

#[test]
fn a_path_has_one_rule() {
    insta::assert_snapshot!(wrong("[columns]\n'$.a' = { type = 'double' }\n'$[\"a\"]' = { drop = true }"), @r#"t.toml:4:1: `columns."$[\"a\"]"` is the same path as in line 3"#);
    insta::assert_snapshot!(wrong("[columns]\n'$.a' = { type = 'double', drop = true }\n'$.b' = {}"), @r#"
    t.toml:3:1: `columns."$.a"`: there must be one of `type` and `drop = true`
    t.toml:4:1: `columns."$.b"`: there must be one of `type` and `drop = true`
    "#);
    insta::assert_snapshot!(wrong("[columns]\n'$' = { type = 'json' }\n'a' = { type = 'float' }"), @r#"
    t.toml:3:1: `columns."$"`: `$` is the record itself and no value in it
    t.toml:4:1: `columns.a`: `a` is not a JSON path like `$.a.b` or `$["a b"].c`
    t.toml:4:16: `columns.a.type`: `float` is no kind of column (boolean, bigint, double, timestamp, string, array<…>, json)
    "#);
}

#[test]
fn a_contract_is_called_like_its_table() {
    insta::assert_snapshot!(errors("a/b.toml", "table = 'camera'"), @"a/b.toml:1:9: the contract of table camera must be called camera.toml");
    insta::assert_snapshot!(errors("camera.toml", "[schema]\nmode = 'freeze'"), @"camera.toml:1:1: `table` is missing");
    for (name, error) in [
        ("quarantine", "a name of Alluvium's own"),
        ("camera_unified", "a name of Alluvium's own"),
        ("Camera", "no name for a table"),
        ("a__b", "no name for a table"),
        ("1a", "no name for a table"),
        ("", "no name for a table"),
    ] {
        let text = errors(&format!("{name}.toml"), &format!("table = '{name}'"));
        assert!(text.contains(error), "{text}");
    }
    for prefix in ["", "/camera", "../camera", "a/./b"] {
        let text = wrong(&format!("[source]\nprefix = '{prefix}'"));
        assert!(text.contains("is no beginning of keys below the landing prefix"), "{text}");
    }
}

#[test]
fn the_default_says_nothing_of_one_table() {
    insta::assert_snapshot!(errors("_default.toml", "table = 't'\n[source]\nprefix = 't/'\nroute = '$.type'"), @r"
    _default.toml:1:9: `table` cannot stand in _default.toml: it is the contract of every table that has none, and this is said of one table
    _default.toml:3:10: `source.prefix` cannot stand in _default.toml: it is the contract of every table that has none, and this is said of one table
    _default.toml:4:9: `source.route` cannot stand in _default.toml: it is the contract of every table that has none, and this is said of one table
    ");
    let text = "[source]\nwrappers = ['events']\n[partition]\nby = ['hour(arrived_at)']";
    assert!(read("_default.toml", text).is_ok());
}

fn contract(table: &str, prefix: &str) -> Contract {
    let text = format!("table = '{table}'\n[source]\nprefix = '{prefix}'");
    read(&format!("{table}.toml"), &text).unwrap()
}

#[test]
fn the_longest_prefix_wins() {
    let hourly = "[partition]\nby = ['hour(arrived_at)']";
    let by_hour: PartitionSpec = "hour(arrived_at)".parse().unwrap();
    let set = Contracts::new(vec![
        contract("camera", "cam"),
        contract("zoom", "camera/zoom/"),
        contract("top", "top-"),
        read("_default.toml", hourly).unwrap(),
    ])
    .unwrap();
    let check = |key: &str, table: Option<&str>, is_default: bool| {
        let found = set.of_key(key);
        assert_eq!(found.as_ref().map(|found| found.table.as_str()), table, "{key}");
        let default = found.is_some_and(|found| found.rules.partitions == by_hour);
        assert_eq!(default, is_default, "{key}");
    };
    check("camera/1.json", Some("camera"), false);
    check("cameras/1.json", Some("camera"), false);
    check("camera/zoom/1.json", Some("zoom"), false);
    check("top-1.json", Some("top"), false);
    check("1.json", None, false);
    check("/1.json", None, false);
    check("other/1.json", Some("other"), true);
    check("Überwachung/2026/11/1.json.gz", Some("Überwachung"), true);
    // The folder of a table that has a contract, though its sources lie elsewhere.
    check("top/1.json", Some("top"), false);
    assert_eq!(Contracts::default().of_key("a/1.json").unwrap().table.as_str(), "a");
    assert_eq!(set.iter().count(), 4);
}

#[test]
fn contracts_that_do_not_go_together_name_each_other() {
    let error = |contracts| Contracts::new(contracts).unwrap_err().to_string();
    insta::assert_snapshot!(error(vec![contract("a", "x/"), contract("b", "x/")]), @"b.toml:3:10: `source.prefix`: a.toml has the prefix `x/` too");
    let again = read("old/a.toml", "\ntable = 'a'").unwrap();
    insta::assert_snapshot!(error(vec![contract("a", "x/"), again]), @"old/a.toml:2:9: a.toml is the contract of table a too");
    let default = |file| read(file, "").unwrap();
    insta::assert_snapshot!(error(vec![default("_default.toml"), default("b/_default.toml")]), @"b/_default.toml:1:1: _default.toml is the contract of all other tables too");
    let routed = read("a.toml", "table = 'a'\n[source]\nroute = '$.type'").unwrap();
    let under = || contract("a_b", "y/");
    insta::assert_snapshot!(error(vec![routed.clone(), under()]), @"a_b.toml:1:9: table a_b begins with `a_`, as do the tables that the `source.route` of a.toml makes: both would want the same names");
    insta::assert_snapshot!(error(vec![under(), routed.clone()]), @"a_b.toml:1:9: table a_b begins with `a_`, as do the tables that the `source.route` of a.toml makes: both would want the same names");
    assert!(Contracts::new(vec![routed, contract("ab", "y/")]).is_ok());
    assert!(Contracts::new(vec![contract("a", "x/"), under()]).is_ok());
}

#[test]
fn a_stream_has_one_contract_and_its_topics_may_count() {
    let contract = |table: &str, source: &str| {
        read(&format!("{table}.toml"), &format!("table = \"{table}\"\n[source]\n{source}")).unwrap()
    };
    let devices = || contract("device", "stream = 'device-events'\nroute = 'topic'");
    let (stream, other) = ("device-events".parse().unwrap(), "bell-events".parse().unwrap());
    let camera = contract("camera", "prefix = 'cameras/'\nstream = 'camera.events'");
    let contracts = Contracts::new(vec![devices(), camera.clone()]).unwrap();
    assert_eq!(contracts.route_of_stream(&stream), Some(StreamRoute::Topic));
    assert_eq!(
        contracts.route_of_stream(&"camera.events".parse().unwrap()),
        Some(StreamRoute::Name)
    );
    assert_eq!(contracts.route_of_stream(&other), None);
    let table = |destination: Destination| destination.table.as_str().to_owned();
    assert_eq!(table(contracts.of_stream(&stream)), "device");
    assert_eq!(table(contracts.of_stream(&other)), "bell-events");
    // A topic goes where a folder goes.
    assert_eq!(table(contracts.of_topic(&"cameras".parse().unwrap())), "camera");
    assert_eq!(table(contracts.of_topic(&"bell".parse().unwrap())), "bell");
    let both = Contracts::new(vec![camera, contract("door", "stream = 'camera.events'")]);
    insta::assert_snapshot!(both.unwrap_err(), @"door.toml:3:10: `source.stream`: camera.toml is for the stream `camera.events` too");
    insta::assert_snapshot!(wrong("[source]\nroute = 'topic'"), @"t.toml:3:9: `source.route`: `topic` needs `source.stream`: only records of streams have topics");
    insta::assert_snapshot!(wrong("[source]\nstream = 'an event'"), @"t.toml:3:10: `source.stream`: `an event` is not the name of a stream: up to 128 letters, digits, `_`, `.` and `-`");
    insta::assert_snapshot!(errors("_default.toml", "[source]\nstream = 'events'\nroute = 'topic'"), @r#"
        _default.toml:2:10: `source.stream` cannot stand in _default.toml: it is the contract of every table that has none, and this is said of one table
        _default.toml:3:9: `source.route` cannot stand in _default.toml: it is the contract of every table that has none, and this is said of one table
        "#);
}
