//! Masked values and digests in a clue, resolved against the values of the evidence: prints cannot be turned round, so
//! every distinct clear value of the case is masked and hashed once and compared. In: a clue and a case. Out: prints of
//! values that fit, with a belief. Bounds: one pass over the stored text, 8 bytes a distinct value; only where the clue
//! has such values.

use super::clue::{Clue, Shape};
use super::sight::Fields;
use crate::call::model::Print;
use crate::case::bodies::BodyReader;
use crate::detect::form::Step;
use crate::detect::{self, mask};
use crate::error::Result;
use md5::Digest as _;
use rusqlite::Connection;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// A print of the evidence that a value of the clue may be.
pub type Fit = (u32, Print, f32);

/// Ends of a masked value: characters before, characters behind, length where it is told.
type Frame = (usize, usize, Option<usize>);

/// Values of the clue by their visible ends.
type Ends = FxHashMap<(String, String), Vec<u32>>;

#[derive(Default)]
struct Wanted {
    digests: FxHashMap<Vec<u8>, Vec<u32>>,
    /// Frames of the masks, and for each the values by their visible ends.
    masks: Vec<(Frame, Ends)>,
}

impl Wanted {
    fn new(clue: &Clue) -> Wanted {
        let mut w = Wanted::default();
        for (i, v) in (0u32..).zip(&clue.values) {
            match &v.shape {
                Shape::Clear => {}
                Shape::Digest(d) => w.digests.entry(d.clone()).or_default().push(i),
                Shape::Masked => {
                    let Some(m) = mask::read(&v.text) else {
                        continue;
                    };
                    let (p, s) = (m.prefix.chars().count(), m.suffix.chars().count());
                    // A mask that leaves next to nothing fits everybody.
                    if p + s < 2 && !v.text.chars().any(|c| !c.is_ascii() && c.is_alphabetic()) {
                        continue;
                    }
                    // The length of a masked mail address is hardly ever true.
                    // The last digits alone stand behind any number of stars.
                    let len = (!v.text.contains('@') && p > 0).then_some(m.len);
                    let ends = (m.prefix.to_lowercase(), m.suffix.to_lowercase());
                    let frame = (p, s, len);
                    match w.masks.iter_mut().find(|x| x.0 == frame) {
                        Some((_, by)) => by.entry(ends).or_default().push(i),
                        None => {
                            let mut by = FxHashMap::default();
                            by.insert(ends, vec![i]);
                            w.masks.push((frame, by));
                        }
                    }
                }
            }
        }
        w
    }

    fn is_empty(&self) -> bool {
        self.digests.is_empty() && self.masks.is_empty()
    }

    /// Values of the clue that a clear value may be.
    fn fits(&self, class: Option<&str>, value: &str, out: &mut Vec<(u32, f32)>) {
        let normal = detect::normal(class, value);
        if !self.digests.is_empty() {
            for text in [value, normal.as_str()] {
                let b = text.as_bytes();
                for d in [
                    md5::Md5::digest(b).to_vec(),
                    sha1::Sha1::digest(b).to_vec(),
                    sha2::Sha256::digest(b).to_vec(),
                    sm3::Sm3::digest(b).to_vec(),
                ] {
                    for i in self.digests.get(&d).map_or(&[][..], Vec::as_slice) {
                        if !out.iter().any(|x| x.0 == *i) {
                            out.push((*i, 0.98));
                        }
                    }
                }
            }
        }
        let lower = normal.to_lowercase();
        let chars: Vec<char> = lower.chars().collect();
        for ((p, s, len), by) in &self.masks {
            if chars.len() < p + s + 1 || len.is_some_and(|l| l != chars.len()) {
                continue;
            }
            let head: String = chars.iter().take(*p).collect();
            let tail: String = chars.iter().skip(chars.len() - s).collect();
            for i in by.get(&(head, tail)).map_or(&[][..], Vec::as_slice) {
                let wide = chars.iter().any(|c| !c.is_ascii());
                let each = if wide { 0.15 } else { 0.1 };
                out.push((*i, (0.1 + (p + s) as f32 * each).min(0.9)));
            }
        }
    }
}

/// Compares every distinct clear value of the case.
pub fn resolve(
    conn: &Connection,
    classes: &[String],
    clue: &Clue,
    stop: &AtomicBool,
) -> Result<Vec<Fit>> {
    let wanted = Wanted::new(clue);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let fields = Fields::new(conn);
    let mut reader = BodyReader::new();
    let mut seen: FxHashSet<Print> = FxHashSet::default();
    let mut out: Vec<Fit> = Vec::new();
    let mut fits = Vec::new();
    let mut stmt =
        conn.prepare("SELECT id,facts FROM body WHERE facts IS NOT NULL ORDER BY pack_id,off")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let id: i64 = r.get(0)?;
        let rusqlite::types::ValueRef::Blob(blob) = r.get_ref(1)? else {
            continue;
        };
        let facts = fields.facts(blob);
        let mut content: Option<Vec<u8>> = None;
        for f in &facts.findings {
            if f.masked
                || f.class == detect::DIGEST
                || f.form.steps().any(Step::one_way)
                || !seen.insert(f.print)
            {
                continue;
            }
            let text = match &content {
                Some(t) => t,
                // A damaged pack is `verify`'s to report.
                None => content.insert(reader.get(conn, id).unwrap_or_default()),
            };
            let from = usize::try_from(f.offset).unwrap_or(usize::MAX);
            let Some(value) = text
                .get(from..from.saturating_add(f.len as usize))
                .and_then(|s| detect::undo(f.form, s))
                .and_then(|v| String::from_utf8(v).ok())
            else {
                continue;
            };
            let class = classes.get(usize::from(f.class)).map(String::as_str);
            fits.clear();
            wanted.fits(class, &value, &mut fits);
            out.extend(fits.iter().map(|(i, c)| (*i, f.print, *c)));
        }
    }
    // A mask that several values of the evidence fit is none of them for sure.
    let mut count: FxHashMap<u32, u32> = FxHashMap::default();
    for (i, _, _) in &out {
        *count.entry(*i).or_default() += 1;
    }
    for (i, _, conf) in &mut out {
        let n = count.get(i).copied().unwrap_or(1);
        if n > 1 && *conf < 0.95 {
            *conf /= n as f32;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::clue;

    #[test]
    fn masks_and_digests_of_a_clue_fit_clear_values() {
        let c = clue::read(
            "x",
            b"177****9589\nzh***@mail.example\n5d41402abc4b2a76b9719d911017c592\n****\n",
            &mut |_, _| None,
            &mut |_| Vec::new(),
        )
        .unwrap();
        let w = Wanted::new(&c);
        let fits = |class, v: &str| {
            let mut out = Vec::new();
            w.fits(class, v, &mut out);
            out.into_iter().map(|x| x.0).collect::<Vec<_>>()
        };
        assert_eq!(fits(Some("cn-mobile"), "+86 177-2487-9589"), [0]);
        assert_eq!(fits(Some("email"), "Zhang.li@mail.example"), [1]);
        assert_eq!(fits(Some("password"), "hello"), [2]);
        assert!(fits(Some("cn-mobile"), "17724879588").is_empty());
    }
}
