//! Objects that only wrap a list of records, such as `{"Records":[…]}` of `CloudTrail`.
//!
//! Told by how a text begins, so that the list is read as it comes and never held as a whole.

/// Keys that make a wrapper of the object they come first in.
pub(crate) const WRAPPER_KEYS: [&str; 1] = ["Records"];

/// A wrapper whose list begins later than this is a record.
const OPENING_BYTES_MAX: usize = 1 << 10;

/// How far the reading of a wrapper has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapper {
    /// The text may begin with one.
    Possible,
    InList,
    /// Behind the list.
    Tail,
    /// There is none, or none any more.
    None,
}

/// How a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// With this many bytes that open a wrapper.
    Wrapper(usize),
    Record,
    /// That cannot be told from so little.
    Unclear,
}

/// Looks how a text begins, of which more may follow unless it `ended`.
pub(crate) fn opening(text: &[u8], ended: bool, keys: &[impl AsRef<str>]) -> Opening {
    let seen = text.get(..OPENING_BYTES_MAX).unwrap_or(text);
    let all = ended || seen.len() == OPENING_BYTES_MAX;
    let openings = keys.iter().map(|key| opening_with(seen, key.as_ref()));
    openings.fold(Opening::Record, |found, next| match (found, next) {
        (Opening::Wrapper(bytes), _) | (_, Opening::Wrapper(bytes)) => Opening::Wrapper(bytes),
        (Opening::Unclear, _) | (_, Opening::Unclear) if !all => Opening::Unclear,
        _ => Opening::Record,
    })
}

fn opening_with(text: &[u8], key: &str) -> Opening {
    let mut rest = text;
    let key = format!("\"{key}\"");
    for token in ["{", &key, ":", "["] {
        let blank = rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        rest = rest.get(blank..).unwrap_or_default();
        match rest.strip_prefix(token.as_bytes()) {
            Some(behind) => rest = behind,
            None if token.as_bytes().starts_with(rest) => return Opening::Unclear,
            None => return Opening::Record,
        }
    }
    Opening::Wrapper(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_is_told_by_its_first_key() {
        let check = |text: &str, expected: Opening| {
            assert_eq!(
                opening(text.as_bytes(), true, &["Records", "logEvents"]),
                expected,
                "{text}"
            );
        };
        check("{\"Records\":[{}]}", Opening::Wrapper(12));
        check(" {\n \"logEvents\" :\t[", Opening::Wrapper(19));
        check("{\"Records\":{}}", Opening::Record);
        check("{\"Records\":[", Opening::Wrapper(12));
        check("{\"Recor\":[]}", Opening::Record);
        check("{\"Records2\":[]}", Opening::Record);
        check("{\"id\":1,\"Records\":[]}", Opening::Record);
        check("{\"Reco", Opening::Record);
    }

    #[test]
    fn little_text_leaves_it_open_unless_there_is_no_more() {
        for length in 0..12 {
            let text = &b"{\"Records\":["[..length];
            assert_eq!(opening(text, false, &WRAPPER_KEYS), Opening::Unclear, "{length}");
            assert_eq!(opening(text, true, &WRAPPER_KEYS), Opening::Record, "{length}");
        }
        let blank = [b"{".as_slice(), &[b' '; OPENING_BYTES_MAX]].concat();
        assert_eq!(opening(&blank, false, &WRAPPER_KEYS), Opening::Record);
    }
}
