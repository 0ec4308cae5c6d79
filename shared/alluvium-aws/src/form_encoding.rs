//! Keys as S3 writes them in events, and in listings if asked to: `+` is a space and `%XX` a byte.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What does not stand for itself. A space is encoded by hand.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/').remove(b' ');

pub(crate) fn encode(key: &str) -> String {
    utf8_percent_encode(key, ENCODED).to_string().replace(' ', "+")
}

/// None when it is not UTF-8.
pub(crate) fn decode(encoded: &str) -> Option<String> {
    let spaced = encoded.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_s3_does() {
        let check = |key: &str, encoded: &str| {
            assert_eq!(encode(key), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(key));
        };
        check("camera/2026/1-a_b.json", "camera/2026/1-a_b.json");
        check("camera/a b+c.json", "camera/a+b%2Bc.json");
        check("Größe 1%.json", "Gr%C3%B6%C3%9Fe+1%25.json");
        check("dt=2026/(1)\u{1}\"", "dt%3D2026/%281%29%01%22");
        assert_eq!(decode("a%20b").as_deref(), Some("a b"));
        assert_eq!(decode("a%FF"), None);
    }
}
