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
pub(crate) mod place;
pub mod print;
pub mod profile;
pub mod rules;
pub mod scan;
pub mod valid;
mod value;
pub mod wraps;

pub use normal::{lookup_prints, normal, undo};
pub use place::place;
pub use rules::{ClassDef, Rules};
pub use scan::Scanner;

/// Class number of a candidate that is the digest of an unknown value (32, 40 or 64 hex digits, or base64 of as many bytes): no class, never
/// shown as a finding, kept so that the hash of a traced value is found.
pub const DIGEST: u8 = 255;

/// A value as a class spells it for its print.
pub fn spelt(class: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    normal::into(kind::Kind::by_class(class), value, &mut out);
    out
}

/// Bytes of text beyond which a masked value in it is looked for: those that were masked as a whole are shorter.
const SENTENCE: usize = 48;

/// The clear value of a finding from its raw slice: what is inside its encodings, and where that is a whole document or a pair
/// (`user:password`), the part whose print the finding has. `None` where the form is one-way or the slice does not decode.
pub fn value_of(
    key: &print::PrintKey,
    f: &crate::call::model::RawFinding,
    slice: &[u8],
) -> Option<Vec<u8>> {
    use print::PrintKind;
    let clear = undo(f.form, slice)?;
    let kind = kind::Kind::by_class(f.class);
    let mut spelt = Vec::new();
    let mut is = |v: &[u8]| {
        normal::into(kind, v, &mut spelt);
        // a document around a number would be spelt as that number
        v.len() <= 2 * spelt.len() + 8 && key.print(PrintKind::Value, &spelt) == f.print
    };
    // A masked value inside a document is looked for there as a clear one is.
    let letters = |s| {
        matches!(
            s,
            form::Step::Url
                | form::Step::Unicode
                | form::Step::Html
                | form::Step::Gb18030
                | form::Step::Mask
                | form::Step::Last4
        )
    };
    // So is one in a sentence whose letters are written as `\u5c0a`.
    let sentence = clear.len() > SENTENCE && f.form.steps().any(|s| s == form::Step::Unicode);
    let document = f.masked && (sentence || !f.form.steps().all(letters));
    if f.masked && !document || !f.masked && is(&clear) {
        return Some(clear);
    }
    if document && clear.len() > crate::limits::MASKED_DOCUMENT {
        return None;
    }
    // `\/` and the like are undone in a plain string too
    if !f.masked && clear.contains(&b'\\') {
        let mut text = Vec::new();
        crate::body::json::unescape(&clear, &mut text);
        if is(&text) {
            return Some(text);
        }
    }
    if !f.masked
        && let Some(colon) = memchr::memchr(b':', &clear)
        && let Some(part) = clear.get(colon + 1..)
        && is(part)
    {
        return Some(part.to_vec());
    }
    if f.form == form::Form::PLAIN || clear.len() < 8 {
        return Some(clear);
    }
    // Built once: a document may hold thousands of findings. A user's classes are not looked for inside documents here.
    static RULES: std::sync::LazyLock<std::sync::Arc<Rules>> =
        std::sync::LazyLock::new(|| std::sync::Arc::new(Rules::builtin()));
    let mut scanner = Scanner::new(std::sync::Arc::clone(&RULES), *key);
    let kind = match crate::body::sniff::kind(&clear, None) {
        _ if f.form.steps().any(|s| s == form::Step::Xlsx) => "sheets",
        "binary" => "protobuf", // binary metadata of gRPC
        kind => kind,
    };
    let found = scanner.scan_body(&clear, kind, None);
    let part = found
        .findings
        .iter()
        .find(|g| g.print == f.print && g.masked == f.masked);
    let part = part.and_then(|g| {
        let from = usize::try_from(g.offset).ok()?;
        undo(g.form, clear.get(from..from.checked_add(g.len as usize)?)?)
    });
    // Never a whole document in place of a masked value: it holds others in clear.
    let signs = |b: &u8| matches!(b, b'"' | b'{' | b'<' | b'=' | b'&' | b'\n');
    let whole = !document || clear.len() <= 400 && !clear.iter().any(signs);
    if part.is_none() && !whole {
        return None;
    }
    Some(part.unwrap_or(clear))
}
