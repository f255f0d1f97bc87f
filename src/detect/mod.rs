//! Sensitive data: classes as data, validators, and the scanner that walks bodies and heads.
//!
//! In: decoded content and heads. Out: [`crate::call::model::Facts`]: candidates with a belief from their own shape, key and neighbours, and
//! counts of values that only look alike. [`column::decide`] then judges a field by all its values together. Bounds: linear time, memory
//! by the number of findings.

pub mod column;
pub mod form;
pub mod kind;
pub mod mask;
pub mod normal;
pub mod pack;
pub mod print;
pub mod rules;
pub mod scan;
pub mod valid;
mod value;

pub use normal::{lookup_prints, normal, undo};
pub use rules::{ClassDef, Rules};
pub use scan::Scanner;

/// Class number of a candidate that is the digest of an unknown value (32, 40 or 64 hex digits, or base64 of as many bytes): no class, never
/// shown as a finding, kept so that the hash of a traced value is found.
pub const DIGEST: u8 = 255;

/// `where` of a finding as the contract writes it: indices fill the `[*]` of the field in order, and follow it where it has none
/// (`csv:4` in row 2 is `csv:4:2`: column, then row, both from 1, the header row counted; `text:12` is line 12).
pub fn place(field: &str, index: &[u32]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(field.len() + 8);
    let mut index = index.iter();
    let mut parts = field.split("[*]").peekable();
    while let Some(part) = parts.next() {
        out.push_str(part);
        if parts.peek().is_some() {
            match index.next() {
                Some(i) => {
                    let _ = write!(out, "[{i}]");
                }
                None => out.push_str("[*]"),
            }
        }
    }
    for i in index {
        let _ = write!(out, ":{i}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_read_as_in_the_contract() {
        assert_eq!(place("$.items[*].idCard", &[3]), "$.items[3].idCard");
        assert_eq!(place("$[*][*]", &[3, 4]), "$[3][4]");
        assert_eq!(place("csv:4", &[2]), "csv:4:2");
        assert_eq!(place("header:authorization", &[]), "header:authorization");
    }
}
