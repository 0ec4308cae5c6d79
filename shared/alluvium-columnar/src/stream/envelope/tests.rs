use super::*;

const DATA: &str = r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/events","logStream":"s0","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1545084650987,"message":"{\"id\":1}"},{"id":"2","timestamp":-1,"message":"line\n\u00e9"}]}"#;

fn check(record: &str, expected: Option<&[&str]>) {
    let found = messages(record);
    let found: Option<Vec<&str>> =
        found.as_ref().map(|messages| messages.iter().map(String::as_str).collect());
    assert_eq!(found.as_deref(), expected, "{record}");
}

#[test]
fn the_messages_are_what_was_logged() {
    check(DATA, Some(&["{\"id\":1}", "line\n\u{e9}"]));
    check(&DATA.replace("DATA_", "CONTROL_"), Some(&[]));
}

#[test]
fn order_and_further_members_do_not_matter() {
    let messages: Option<&[&str]> = Some(&["{\"id\":1}", "line\n\u{e9}"]);
    let last = DATA.replace(r#""messageType":"DATA_MESSAGE","#, "");
    check(&last.replace("\"}]}", "\"}],\"messageType\":\"DATA_MESSAGE\"}"), messages);
    check(
        &DATA.replace("\"owner\"", "\"policyLevel\":\"ACCOUNT_LEVEL_POLICY\",\"owner\""),
        messages,
    );
    check(&DATA.replace("\"id\":\"1\"", "\"extractedFields\":{\"a\":1},\"id\":\"1\""), messages);
}

#[test]
fn what_lacks_anything_is_a_record() {
    for (from, to) in [
        ("DATA_MESSAGE", "DATA"),
        ("messageType", "message_type"),
        ("\"messageType\":\"DATA_MESSAGE\"", "\"messageType\":1"),
        ("\"owner\":", "\"Owner\":"),
        ("\"123456789012\"", "123456789012"),
        ("\"/aws/events\"", "null"),
        ("\"s0\"", "[]"),
        ("[\"f\"]", "\"f\""),
        ("subscriptionFilters", "filters"),
        ("logEvents", "logevents"),
        ("\"id\":\"1\"", "\"id\":1"),
        ("1545084650987", "\"1545084650987\""),
        ("\"timestamp\":-1,", ""),
        ("\"line\\n\\u00e9\"", "{}"),
        ("\"message\":\"line", "\"text\":\"line"),
        ("[{\"id\":\"1\"", "[1,{\"id\":\"1\""),
        ("\"logStream\":\"s0\"", "\"logStream\":\"s0\",\"logStream\":\"s0\""),
        ("\"timestamp\":-1", "\"timestamp\":-1,\"timestamp\":-1"),
    ] {
        let record = DATA.replacen(from, to, 1);
        assert_ne!(record, DATA, "{from}");
        check(&record, None);
    }
    check("{}", None);
    check(r#"{"a":"\"logEvents\":["}"#, None);
    check(r#"{"logEvents":[{"id":"1","timestamp":1,"message":"m"}]}"#, None);
    check(&format!("{{\"within\":{DATA}}}"), None);
}
