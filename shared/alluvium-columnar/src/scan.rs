//! One JSON value: is it one, where does it end, what is its text without white space, and where
//! in that text are its members.
//!
//! Follows RFC 8259 to the letter, except that bytes of 128 and more are let through here and
//! looked at as a whole later: whoever breaks UTF-8 inside a string still ends the string.

use crate::{
    members::{Member, Shape},
    text::{plain_bytes, short_content},
};

/// Members that there is room for at any time; the room for more is given back.
const MEMBERS_KEPT: usize = 1 << 14;

/// What a text was found to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Value,
    Key,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    ControlCharacter,
    Escape,
    Number,
    Literal,
    Depth,
}

impl Flaw {
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Value => "expected a value",
            Self::Key => "expected a key in double quotes",
            Self::Colon => "expected `:`",
            Self::CommaOrBrace => "expected `,` or `}`",
            Self::CommaOrBracket => "expected `,` or `]`",
            Self::ControlCharacter => "control character in a string",
            Self::Escape => "invalid escape in a string",
            Self::Number => "invalid number",
            Self::Literal => "expected `true`, `false` or `null`",
            Self::Depth => "nested too deep",
        }
    }
}

/// What a scan found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// A value that ends before `end`.
    Value { end: usize, lone_surrogate: bool },
    /// The beginning of a value.
    Incomplete,
    /// No value: the byte `at` is not what the grammar allows.
    Bad { at: usize, flaw: Flaw },
}

/// What a scan makes of a value: it is of use only if it is one.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// The text without white space.
    pub(crate) text: Vec<u8>,
    /// The members of the value and of the objects in them, if it is an object.
    pub(crate) members: Vec<Member>,
    /// The members whose objects are open.
    open: Vec<u32>,
}

impl Copied {
    fn clear(&mut self) {
        self.text.clear();
        self.members.clear();
        self.members.shrink_to(MEMBERS_KEPT);
        self.open.clear();
    }
}

/// Scans the value at the beginning of `input` and puts what it is made of into `copied`. `ended`
/// says that nothing follows `input`: without it a number at the end is incomplete.
pub(crate) fn scan(input: &[u8], ended: bool, depth_max: u32, copied: &mut Copied) -> Scanned {
    copied.clear();
    let mut scanner = Scanner {
        input,
        at: 0,
        from: 0,
        ended,
        depth_max,
        depth: 0,
        arrays: 0,
        lone_surrogate: false,
        key: (0, false),
        copied,
    };
    match scanner.value() {
        Ok(()) => {
            scanner.copy();
            Scanned::Value { end: scanner.at, lone_surrogate: scanner.lone_surrogate }
        }
        Err(Stop::Incomplete) => Scanned::Incomplete,
        Err(Stop::Bad(flaw)) => Scanned::Bad { at: scanner.at, flaw },
    }
}

enum Stop {
    Incomplete,
    Bad(Flaw),
}

struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    /// What lies between here and `at` is still to be copied.
    from: usize,
    ended: bool,
    depth_max: u32,
    /// Open containers, and for each whether it is an array, the innermost in the lowest bit.
    depth: u32,
    arrays: u128,
    lone_surrogate: bool,
    /// Where the key begins whose value comes next, and whether it has escapes.
    key: (u32, bool),
    copied: &'a mut Copied,
}

impl Scanner<'_> {
    fn value(&mut self) -> Result<(), Stop> {
        loop {
            let first = self.token()?;
            let begin = self.place();
            let shape = match first {
                b'{' => {
                    self.open(begin, Shape::Object)?;
                    if self.token()? == b'}' {
                        None
                    } else {
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.open(begin, Shape::Array)?;
                    if self.token()? != b']' {
                        continue;
                    }
                    None
                }
                b'"' => Some(if self.string()? { Shape::EscapedString } else { Shape::String }),
                b'-' | b'0'..=b'9' => Some(self.number()?),
                b't' => Some(self.literal(b"true", Shape::Boolean)?),
                b'f' => Some(self.literal(b"false", Shape::Boolean)?),
                b'n' => Some(self.literal(b"null", Shape::Null)?),
                _ => return Err(Stop::Bad(Flaw::Value)),
            };
            // A container without anything in it ends with the bracket at hand, as others do.
            if let Some(shape) = shape
                && self.is_member()
            {
                self.note(begin, shape);
            }
            if self.after_value()? {
                return Ok(());
            }
        }
    }

    /// Goes on to where the next value begins; true when the outermost one has ended.
    fn after_value(&mut self) -> Result<bool, Stop> {
        while self.depth > 0 {
            let in_array = self.arrays & 1 == 1;
            match (self.token()?, in_array) {
                (b',', true) => {
                    self.at += 1;
                    return Ok(false);
                }
                (b',', false) => {
                    self.at += 1;
                    self.token()?;
                    self.key()?;
                    return Ok(false);
                }
                (b']', true) | (b'}', false) => self.close(),
                (_, true) => return Err(Stop::Bad(Flaw::CommaOrBracket)),
                (_, false) => return Err(Stop::Bad(Flaw::CommaOrBrace)),
            }
        }
        Ok(true)
    }

    fn open(&mut self, begin: u32, shape: Shape) -> Result<(), Stop> {
        if self.depth == self.depth_max {
            return Err(Stop::Bad(Flaw::Depth));
        }
        if self.is_member() {
            let number = u32::try_from(self.copied.members.len()).unwrap_or(u32::MAX);
            self.copied.open.push(number);
            self.note(begin, shape);
        }
        self.depth += 1;
        self.arrays = self.arrays << 1 | u128::from(shape == Shape::Array);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.arrays >>= 1;
        self.at += 1;
        if self.is_member() {
            let (end, Copied { members, open, .. }) = (self.place(), &mut *self.copied);
            let next = u32::try_from(members.len()).unwrap_or(u32::MAX);
            if let Some(member) = open.pop().and_then(|number| members.get_mut(number as usize)) {
                (member.end, member.next) = (end, next);
            }
        }
    }

    /// Whether a value here is that of a member, and not in an array.
    const fn is_member(&self) -> bool {
        self.arrays == 0 && self.depth > 0
    }

    /// Notes the value of the key at hand, which lies between `begin` and `at`, as far as that is
    /// known.
    fn note(&mut self, begin: u32, shape: Shape) {
        let (key, key_is_escaped) = self.key;
        let (value, end) = (begin, self.place());
        let next = u32::try_from(self.copied.members.len() + 1).unwrap_or(u32::MAX);
        self.copied.members.push(Member { key, value, end, next, shape, key_is_escaped });
    }

    /// A key and its colon; `at` is where the key should begin.
    fn key(&mut self) -> Result<(), Stop> {
        if self.peek()? != b'"' {
            return Err(Stop::Bad(Flaw::Key));
        }
        let key = self.place();
        let key_is_escaped = self.string()?;
        if self.token()? != b':' {
            return Err(Stop::Bad(Flaw::Colon));
        }
        self.at += 1;
        self.key = (key, key_is_escaped);
        Ok(())
    }

    /// Says whether the string has escapes.
    #[expect(clippy::inline_always, reason = "a tenth of a scan")]
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Stop> {
        self.at += 1;
        if let Some(bytes) = short_content(self.input.get(self.at..).unwrap_or_default()) {
            self.at += bytes + 1;
            return Ok(false);
        }
        self.long_string()
    }

    /// The same, behind its quote, for one that may have escapes or be long.
    fn long_string(&mut self) -> Result<bool, Stop> {
        let mut escapes = false;
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            self.at += plain_bytes(rest);
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return Err(Stop::Bad(Flaw::ControlCharacter)),
            }
            escapes = true;
        }
        self.at += 1;
        Ok(escapes)
    }

    /// An escape; `at` is its backslash before and the byte behind it after.
    fn escape(&mut self) -> Result<(), Stop> {
        self.at += 1;
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => match self.unicode_escape()? {
                0xd800..=0xdbff => {
                    // The other half must follow at once; anything else leaves this one alone.
                    let rest = self.input.get(self.at..).unwrap_or_default();
                    if rest.len() < 6 && !self.ended && b"\\u".starts_with(first_two(rest)) {
                        return Err(Stop::Incomplete);
                    }
                    if rest.starts_with(b"\\u") {
                        let back = self.at;
                        self.at += 1;
                        if !(0xdc00..=0xdfff).contains(&self.unicode_escape()?) {
                            self.at = back;
                            self.lone_surrogate = true;
                        }
                    } else {
                        self.lone_surrogate = true;
                    }
                }
                0xdc00..=0xdfff => self.lone_surrogate = true,
                _ => {}
            },
            _ => return Err(Stop::Bad(Flaw::Escape)),
        }
        Ok(())
    }

    /// The code unit of `uXXXX`; `at` is the `u` before and the byte behind it after.
    fn unicode_escape(&mut self) -> Result<u32, Stop> {
        let mut unit = 0;
        for _ in 0..4 {
            self.at += 1;
            let digit = char::from(self.peek()?).to_digit(16).ok_or(Stop::Bad(Flaw::Escape))?;
            unit = unit << 4 | digit;
        }
        self.at += 1;
        Ok(unit)
    }

    fn number(&mut self) -> Result<Shape, Stop> {
        let mut shape = Shape::Integer;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.number_goes_on(|byte| byte == b'.')? {
            shape = Shape::Decimal;
            self.at += 1;
            self.digits()?;
        }
        if self.number_goes_on(|byte| byte == b'e' || byte == b'E')? {
            shape = Shape::Exponential;
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        // `01` is no number, and neither is `1x`.
        if self.number_goes_on(|byte| byte.is_ascii_alphanumeric() || b"+-._\"".contains(&byte))? {
            return Err(Stop::Bad(Flaw::Number));
        }
        Ok(shape)
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if !self.peek()?.is_ascii_digit() {
            return Err(Stop::Bad(Flaw::Number));
        }
        let rest = self.input.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        Ok(())
    }

    /// Whether a number goes on here; the end of everything ends it.
    fn number_goes_on(&self, with: impl Fn(u8) -> bool) -> Result<bool, Stop> {
        match self.input.get(self.at) {
            Some(byte) => Ok(with(*byte)),
            None if self.ended => Ok(false),
            None => Err(Stop::Incomplete),
        }
    }

    fn literal(&mut self, word: &[u8], shape: Shape) -> Result<Shape, Stop> {
        for expected in word {
            if self.peek()? != *expected {
                return Err(Stop::Bad(Flaw::Literal));
            }
            self.at += 1;
        }
        Ok(shape)
    }

    /// The byte at `at` once white space is passed.
    fn token(&mut self) -> Result<u8, Stop> {
        let byte = self.peek()?;
        if byte > b' ' { Ok(byte) } else { self.token_behind_space() }
    }

    fn token_behind_space(&mut self) -> Result<u8, Stop> {
        self.copy();
        loop {
            match self.peek()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => {
                    self.from = self.at;
                    return Ok(byte);
                }
            }
        }
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.input.get(self.at).copied().ok_or(Stop::Incomplete)
    }

    /// Where in the copied text the byte at `at` will be. A longer text than this can say is no
    /// record, since [`Limits`](alluvium_model::Limits) end one earlier.
    fn place(&self) -> u32 {
        u32::try_from(self.copied.text.len() + self.at - self.from).unwrap_or(u32::MAX)
    }

    /// Copies what was passed.
    fn copy(&mut self) {
        let passed = self.input.get(self.from..self.at).unwrap_or_default();
        self.copied.text.extend_from_slice(passed);
        self.from = self.at;
    }
}

fn first_two(bytes: &[u8]) -> &[u8] {
    bytes.get(..2).unwrap_or(bytes)
}

#[cfg(test)]
mod tests;
