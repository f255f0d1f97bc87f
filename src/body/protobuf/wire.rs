//! The wire format of Protocol Buffers, one level at a time. In: a message's bytes. Out: its fields with the place of each value.
//! Bounds: linear, no memory; groups are followed [`DEPTH`] deep.

use std::ops::Range;

/// Groups inside groups.
const DEPTH: usize = 32;
/// Largest field number.
const NUMBER: u64 = (1 << 29) - 1;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// A number of one to ten bytes.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// A length and as many bytes: a string, bytes, a message, packed numbers.
    Len,
    /// A message between two tags.
    Group,
    /// Four bytes, little-endian.
    Fixed32(u32),
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Number.
    pub number: u32,
    /// How it is written.
    pub wire: Wire,
    /// Bytes of its value, without tag and length.
    pub value: Range<usize>,
}

/// Fields of `s[range]` in order; places are in `s`. After the first fault `None`, and [`Fields::faulty`] is set.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    s: &'a [u8],
    at: usize,
    end: usize,
    /// What stands at `at` is no field.
    pub faulty: bool,
}

/// Fields of a part of `s`.
pub fn fields(s: &[u8], range: Range<usize>) -> Fields<'_> {
    let end = range.end.min(s.len());
    Fields {
        s: s.get(..end).unwrap_or_default(),
        at: range.start.min(end),
        end,
        faulty: false,
    }
}

/// Number at `at`, and the place behind it.
pub fn varint(s: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut n = 0u64;
    for (i, b) in s.get(at..)?.iter().take(10).enumerate() {
        let part = u64::from(b & 0x7f);
        if i == 9 && part > 1 {
            return None;
        }
        n |= part << (7 * i);
        if b & 0x80 == 0 {
            return Some((n, at + i + 1));
        }
    }
    None
}

impl Fields<'_> {
    /// Where reading stands.
    pub fn at(&self) -> usize {
        self.at
    }

    fn read(&mut self) -> Option<Field> {
        let (tag, at) = varint(self.s, self.at)?;
        let number = tag >> 3;
        if !(1..=NUMBER).contains(&number) {
            return None;
        }
        let number = u32::try_from(number).ok()?;
        let (wire, value, next) = value(self.s, tag & 7, at, number)?;
        self.at = next;
        Some(Field {
            number,
            wire,
            value,
        })
    }
}

/// The value at `at` under a tag: what it is, its bytes, the place behind it.
fn value(s: &[u8], kind: u64, at: usize, number: u32) -> Option<(Wire, Range<usize>, usize)> {
    match kind {
        0 => {
            let (n, end) = varint(s, at)?;
            Some((Wire::Varint(n), at..end, end))
        }
        1 => {
            let b = s.get(at..)?.first_chunk::<8>()?;
            Some((Wire::Fixed64(u64::from_le_bytes(*b)), at..at + 8, at + 8))
        }
        2 => {
            let (n, from) = varint(s, at)?;
            let end = from.checked_add(usize::try_from(n).ok()?)?;
            (end <= s.len()).then_some((Wire::Len, from..end, end))
        }
        3 => group(s, at, number),
        5 => {
            let b = s.get(at..)?.first_chunk::<4>()?;
            Some((Wire::Fixed32(u32::from_le_bytes(*b)), at..at + 4, at + 4))
        }
        _ => None,
    }
}

/// A group up to its end tag; groups inside are passed over by a stack of their numbers.
fn group(s: &[u8], from: usize, number: u32) -> Option<(Wire, Range<usize>, usize)> {
    let mut open = vec![u64::from(number)];
    let mut at = from;
    while let Some(inner) = open.last().copied() {
        let (tag, behind) = varint(s, at)?;
        match tag & 7 {
            4 if tag >> 3 == inner => {
                open.pop();
                if open.is_empty() {
                    return Some((Wire::Group, from..at, behind));
                }
                at = behind;
            }
            4 => return None,
            3 => {
                if open.len() >= DEPTH {
                    return None;
                }
                open.push(tag >> 3);
                at = behind;
            }
            kind => at = value(s, kind, behind, 0)?.2,
        }
    }
    None
}

impl Iterator for Fields<'_> {
    type Item = Field;
    fn next(&mut self) -> Option<Field> {
        if self.faulty || self.at >= self.end {
            return None;
        }
        let f = self.read();
        self.faulty = f.is_none();
        f
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_has_its_place() {
        let s = b"\x08\x96\x01\x11\x01\0\0\0\0\0\0\0\x1a\x03abc\x23\x08\x01\x24\x2d\x02\0\0\0";
        let got: Vec<(u32, Wire, &[u8])> = fields(s, 0..s.len())
            .map(|f| (f.number, f.wire, &s[f.value]))
            .collect();
        assert_eq!(
            got,
            [
                (1, Wire::Varint(150), &b"\x96\x01"[..]),
                (2, Wire::Fixed64(1), b"\x01\0\0\0\0\0\0\0"),
                (3, Wire::Len, b"abc"),
                (4, Wire::Group, b"\x08\x01"),
                (5, Wire::Fixed32(2), b"\x02\0\0\0"),
            ]
        );
    }

    #[test]
    fn faults_end_the_level() {
        for bad in [
            &b"\x00\x01"[..],                                    // number 0
            b"\x0c",                                             // an end without a beginning
            b"\x0a\x05ab",                                       // longer than the content
            b"\x0b\x08\x01",                                     // a group that does not end
            b"\x0b\x14",                                         // or ends as another
            b"\x0e\x01",                                         // a kind that does not exist
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // a number too long
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        ] {
            let mut f = fields(bad, 0..bad.len());
            assert_eq!(f.by_ref().count(), 0, "{bad:?}");
            assert!(f.faulty, "{bad:?}");
        }
        let deep = vec![0x0b; 100_000];
        assert_eq!(fields(&deep, 0..deep.len()).count(), 0);
    }
}
