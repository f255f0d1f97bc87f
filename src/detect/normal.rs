//! One spelling of a value, so that equal values have equal prints however they are written.
//! In: values. Out: canonical text, the value inside its encodings, and all prints a value may stand under. Bounds: one pass.

use super::form::Form;
use super::print::PrintKey;
use crate::call::model::Print;

/// Canonical form that is printed; `class` `None` guesses by shape.
pub fn normal(_class: Option<&str>, value: &str) -> String {
    value.trim().to_string()
}

/// The value inside its encodings; `None` where the form is one-way or the slice does not decode.
pub fn undo(_form: Form, slice: &[u8]) -> Option<Vec<u8>> {
    Some(slice.to_vec())
}

/// Every print under which a value may stand: clear, each digest, mask signatures; with the belief that a hit is this value.
pub fn lookup_prints(_key: &PrintKey, _value: &str) -> Vec<(Print, Form, f32)> {
    Vec::new()
}
