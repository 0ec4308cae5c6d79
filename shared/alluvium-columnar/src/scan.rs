//! One JSON value: is it one, where does it end, what is its text without white space, and where
//! in that text are its members.
//!
//! Follows RFC 8259 to the letter, except that bytes of 128 and more are let through here and
//! looked at as a whole later: whoever breaks UTF-8 inside a string still ends the string.

mod lexeme;

use std::hint::black_box;

use self::lexeme::{Input, Stop};
use crate::members::{Member, Shape};

/// Members that there is room for at any time; the room for more is given back.
const MEMBERS_KEPT: usize = 1 << 14;
/// Members of a record whose keys are expected to be as long as before.
const KEYS_EXPECTED: usize = 256;

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

/// What a scan makes of a value: it is of use only if it is one. What is expected of the next one
/// goes from scan to scan; it makes them faster, and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// The text without white space.
    pub(crate) text: Vec<u8>,
    /// The members of the value and of the objects in them, if it is an object.
    pub(crate) members: Vec<Member>,
    /// The members whose objects are open.
    open: Vec<u32>,
    /// Whether a string has half a character.
    lone_surrogate: bool,
    /// By the number of a member, how long its key was when it was short last, quotes included.
    key_bytes: Vec<u8>,
}

impl Copied {
    /// Takes out everything of the value before, but for what is expected of the next.
    fn clear(&mut self) {
        self.text.clear();
        self.members.clear();
        self.members.shrink_to(MEMBERS_KEPT);
        self.open.clear();
        self.lone_surrogate = false;
    }

    /// Notes how long the key of the member with this number is.
    fn learn(&mut self, number: usize, bytes: usize) {
        if number >= KEYS_EXPECTED {
            return;
        }
        if number >= self.key_bytes.len() {
            self.key_bytes.resize(number + 1, 0);
        }
        if let (Some(known), Ok(bytes)) = (self.key_bytes.get_mut(number), u8::try_from(bytes)) {
            *known = bytes;
        }
    }
}

/// Scans the value at the beginning of `input` and puts what it is made of into `copied`. `ended`
/// says that nothing follows `input`: without it a number at the end is incomplete.
pub(crate) fn scan(input: &[u8], ended: bool, depth_max: u32, copied: &mut Copied) -> Scanned {
    copied.clear();
    let input = Input::new(input, ended);
    let mut scanner = Scanner { input, at: 0, from: 0, depth_max, expects: true, copied };
    match scanner.outermost() {
        Ok(()) => {
            scanner.copy();
            Scanned::Value { end: scanner.at, lone_surrogate: scanner.copied.lone_surrogate }
        }
        Err(Stop::Incomplete) => Scanned::Incomplete,
        Err(Stop::Bad { at, flaw }) => Scanned::Bad { at, flaw },
    }
}

/// A scan under way.
///
/// What is done for every value is inlined, and what is called for some is given what it needs by
/// value: a scanner whose address is given away lies in memory, and each look at a byte waits.
struct Scanner<'a> {
    input: Input<'a>,
    at: usize,
    /// What lies between here and `at` is still to be copied.
    from: usize,
    depth_max: u32,
    /// Whether the short keys so far were as long as expected.
    expects: bool,
    copied: &'a mut Copied,
}

/// A key: where it begins, and whether it has escapes.
#[derive(Clone, Copy)]
struct Key {
    begin: u32,
    is_escaped: bool,
}

#[expect(clippy::inline_always, reason = "what is not inlined has its scanner in memory")]
impl Scanner<'_> {
    fn outermost(&mut self) -> Result<(), Stop> {
        if self.token()? == b'{' { self.object() } else { self.unnoted(0) }
    }

    /// The object at hand, which is the outermost value, and the members that are noted.
    fn object(&mut self) -> Result<(), Stop> {
        let mut key_follows = self.open(0)?;
        loop {
            while key_follows {
                key_follows = self.member()?;
            }
            match self.token()? {
                b',' => {
                    self.at += 1;
                    key_follows = true;
                }
                b'}' => {
                    self.at += 1;
                    if !self.close() {
                        return Ok(());
                    }
                }
                _ => return Err(self.flaw(Flaw::CommaOrBrace)),
            }
        }
    }

    /// Opens the object at hand, which lies in so many others; says whether it has members.
    #[inline]
    fn open(&mut self, depth: usize) -> Result<bool, Stop> {
        if depth >= self.depth_max as usize {
            return Err(self.flaw(Flaw::Depth));
        }
        self.at += 1;
        Ok(self.token()? != b'}')
    }

    /// Closes the innermost object that is open; says whether it was a member.
    #[inline]
    fn close(&mut self) -> bool {
        let (end, Copied { members, open, .. }) = (self.place(), &mut *self.copied);
        let Some(number) = open.pop() else { return false };
        let next = to_u32(members.len());
        if let Some(member) = members.get_mut(number as usize) {
            (member.end, member.next) = (end, next);
        }
        true
    }

    /// A key and its value, but for the members of that; says whether these follow.
    #[inline(always)]
    fn member(&mut self) -> Result<bool, Stop> {
        let key = self.key()?;
        let first = self.token()?;
        let begin = self.place();
        let shape = match first {
            b'{' => {
                let depth = self.copied.open.len() + 1;
                self.copied.open.push(to_u32(self.copied.members.len()));
                self.note(key, begin, Shape::Object);
                return self.open(depth);
            }
            b'[' => {
                self.unnoted(self.copied.open.len() + 1)?;
                Shape::Array
            }
            _ => self.scalar(first)?,
        };
        self.note(key, begin, shape);
        Ok(false)
    }

    /// Notes a member whose value lies between `begin` and `at`, as far as that is known.
    #[inline(always)]
    fn note(&mut self, key: Key, begin: u32, shape: Shape) {
        let (end, next) = (self.place(), to_u32(self.copied.members.len() + 1));
        let Key { begin: key, is_escaped: key_is_escaped } = key;
        self.copied.members.push(Member { key, value: begin, end, next, shape, key_is_escaped });
    }

    /// A value that lies in so many others and whose members are not noted.
    fn unnoted(&mut self, depth: usize) -> Result<(), Stop> {
        let Self { input, at, from, depth_max, .. } = *self;
        let copied = &mut *self.copied;
        let depth_max = depth_max.saturating_sub(to_u32(depth));
        let scanner = Scanner { input, at, from, depth_max, expects: false, copied };
        (self.at, self.from) = scanner.value()?;
        Ok(())
    }

    /// The value at hand; says where it ends, and from where on it is still to be copied.
    #[inline(never)]
    fn value(mut self) -> Result<(usize, usize), Stop> {
        // Open containers, and for each whether it is an object, the innermost in the lowest bit.
        let (mut depth, mut objects) = (0, 0_u128);
        loop {
            let first = self.token()?;
            if let b'{' | b'[' = first {
                if depth == self.depth_max {
                    return Err(self.flaw(Flaw::Depth));
                }
                let is_object = first == b'{';
                (depth, objects) = (depth + 1, objects << 1 | u128::from(is_object));
                self.at += 1;
                if self.token()? != if is_object { b'}' } else { b']' } {
                    if is_object {
                        self.unnoted_key()?;
                    }
                    continue;
                }
                // One without anything in it ends with the bracket at hand, as others do.
            } else {
                self.scalar(first)?;
            }
            if self.after_value(&mut depth, &mut objects)? {
                return Ok((self.at, self.from));
            }
        }
    }

    /// Goes on to where the next value begins; true when the outermost one has ended.
    #[inline]
    fn after_value(&mut self, depth: &mut u32, objects: &mut u128) -> Result<bool, Stop> {
        while *depth > 0 {
            match (self.token()?, *objects & 1 == 1) {
                (b',', is_in_object) => {
                    self.at += 1;
                    if is_in_object {
                        self.unnoted_key()?;
                    }
                    return Ok(false);
                }
                (b'}', true) | (b']', false) => {
                    self.at += 1;
                    *depth -= 1;
                    *objects >>= 1;
                }
                (_, true) => return Err(self.flaw(Flaw::CommaOrBrace)),
                (_, false) => return Err(self.flaw(Flaw::CommaOrBracket)),
            }
        }
        Ok(true)
    }

    /// The value at hand, which begins with this byte, if it is no container.
    #[inline(always)]
    fn scalar(&mut self, first: u8) -> Result<Shape, Stop> {
        let (end, shape) = match first {
            b'"' => return Ok(if self.string()? { Shape::EscapedString } else { Shape::String }),
            b'-' | b'0'..=b'9' => self.input.number(self.at)?,
            b't' => (self.input.literal(self.at, b"true")?, Shape::Boolean),
            b'f' => (self.input.literal(self.at, b"false")?, Shape::Boolean),
            b'n' => (self.input.literal(self.at, b"null")?, Shape::Null),
            _ => return Err(self.flaw(Flaw::Value)),
        };
        self.at = end;
        Ok(shape)
    }

    /// A key and its colon.
    #[inline(always)]
    fn key(&mut self) -> Result<Key, Stop> {
        self.before_key()?;
        let begin = self.place();
        let is_escaped = if let Some(end) = self.input.short_string(self.at) {
            self.at = self.expect(end);
            false
        } else {
            self.long_string()?
        };
        self.colon()?;
        Ok(Key { begin, is_escaped })
    }

    /// The same where the member is not noted.
    #[inline(always)]
    fn unnoted_key(&mut self) -> Result<(), Stop> {
        self.before_key()?;
        self.string()?;
        self.colon()
    }

    #[inline(always)]
    fn before_key(&mut self) -> Result<(), Stop> {
        if self.token()? == b'"' { Ok(()) } else { Err(self.flaw(Flaw::Key)) }
    }

    #[inline(always)]
    fn colon(&mut self) -> Result<(), Stop> {
        if self.token()? != b':' {
            return Err(self.flaw(Flaw::Colon));
        }
        self.at += 1;
        Ok(())
    }

    /// Where the key at hand ends, which is `end`, told in another way if it is as long as that of
    /// the member with the same number in a record before.
    ///
    /// All that follows would wait until the end of the key is found. Along a branch that says where
    /// it is, a CPU goes on at once, as long as its guesses about the branch are right. A compiler
    /// that saw that both are the same would take the one that was found.
    #[inline(always)]
    fn expect(&mut self, end: usize) -> usize {
        let number = self.copied.members.len();
        let expected = self.copied.key_bytes.get(number).copied().map_or(0, usize::from);
        if self.expects && self.at + expected == end {
            return self.at + black_box(expected);
        }
        // The keys behind it will be others, too.
        self.expects = false;
        self.copied.learn(number, end - self.at);
        end
    }

    /// Says whether the string has escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Stop> {
        if let Some(end) = self.input.short_string(self.at) {
            self.at = end;
            return Ok(false);
        }
        self.long_string()
    }

    /// The same of one that may have escapes or be long.
    #[inline(always)]
    fn long_string(&mut self) -> Result<bool, Stop> {
        let (end, escapes) = self.input.long_string(self.at)?;
        self.at = end;
        self.copied.lone_surrogate |= escapes.lone_surrogate;
        Ok(escapes.any)
    }

    /// The byte at `at` once white space is passed.
    #[inline(always)]
    fn token(&mut self) -> Result<u8, Stop> {
        let byte = self.input.byte(self.at)?;
        if byte > b' ' {
            return Ok(byte);
        }
        self.copy();
        let (at, byte) = self.input.behind_space(self.at)?;
        (self.at, self.from) = (at, at);
        Ok(byte)
    }

    /// What is at hand is not what the grammar allows.
    const fn flaw(&self, flaw: Flaw) -> Stop {
        Stop::Bad { at: self.at, flaw }
    }

    /// Where in the copied text the byte at `at` will be.
    #[inline]
    fn place(&self) -> u32 {
        to_u32(self.copied.text.len() + self.at - self.from)
    }

    /// Copies what was passed.
    #[inline]
    fn copy(&mut self) {
        let passed = self.input.bytes(self.from..self.at);
        self.copied.text.extend_from_slice(passed);
        self.from = self.at;
    }
}

/// A place in a text, or a number of members. A longer text than this can say is no record, since
/// [`Limits`](alluvium_model::Limits) end one earlier.
#[inline]
fn to_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
