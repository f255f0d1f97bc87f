//! Properties of records that somebody may have picked them by: a region, a branch, a state. In: bodies that accounts received, whose
//! records are in them. Out: the fields with few different values that stand beside what identifies each record. Bounds:
//! [`limits::LABEL_BODIES`] bodies of [`limits::LABEL_BYTES`] in all, [`FIELDS`] fields of [`VALUES`] values of [`LONG`] bytes;
//! accounts that would need more are left out, and what of their records others received is all that is known.

use super::evidence::Evidence;
use super::likelihood::Label;
use super::subjects::Deliveries;
use crate::body::json::{self, Visit};
use crate::case::bodies::BodyReader;
use crate::detect::form::Form;
use crate::error::Result;
use crate::limits;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fields looked at; answers have some dozen.
const FIELDS: usize = 256;
/// Values of a field; one with more is no property but data.
const VALUES: usize = 64;
/// Bytes of a value.
const LONG: usize = 40;
/// Labels given out, those first that are known of most records.
const GIVEN: usize = 6;
/// Share of the records that were looked at whose value must be known, and share that may have had more than one.
const KNOWN: f64 = 0.8;
const UNSURE: f64 = 0.05;

/// One field: its values, and which of them each record has.
#[derive(Default)]
struct Field {
    values: Vec<Vec<u8>>,
    of: BTreeMap<u32, u16>,
    /// Records that were seen with two values.
    unsure: BTreeSet<u32>,
}

/// Reads the labels of what these accounts received, as far as that is within bounds; they come in order of importance.
pub fn read(
    e: &Evidence<'_>,
    all: &Deliveries,
    accounts: &[i64],
    stop: &AtomicBool,
) -> Result<Vec<Label>> {
    let bodies = bodies(e, accounts)?;
    let mut fields: BTreeMap<Vec<u8>, Option<Field>> = BTreeMap::new();
    let mut seen: BTreeSet<u32> = BTreeSet::new();
    let mut reader = BodyReader::new();
    let nothing: Arc<str> = "".into();
    let mut stmt = e
        .conn
        .prepare("SELECT facts FROM body WHERE id=?1 AND facts IS NOT NULL")?;
    for body in bodies {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut rows = stmt.query([body])?;
        let Some(row) = rows.next()? else { continue };
        let Ok(blob) = row.get_ref(0)?.as_blob() else {
            continue;
        };
        let facts = crate::detect::pack::decode(blob, &|_| nothing.clone());
        let at: FxHashMap<u64, u32> = facts
            .findings
            .iter()
            .filter(|f| !f.masked && f.form == Form::PLAIN && e.is_strong(f.class))
            .filter_map(|f| Some((f.offset, all.subject(f.print)?)))
            .collect();
        if at.is_empty() {
            continue;
        }
        let graded: FxHashSet<u64> = facts.findings.iter().map(|f| f.offset).collect();
        // what is not stored any more, or not yet, says nothing
        let Ok(content) = reader.get(e.conn, body) else {
            continue;
        };
        let mut walk = Walk {
            at: &at,
            graded: &graded,
            frames: Vec::new(),
            over: 0,
            fields: &mut fields,
            seen: &mut seen,
        };
        let content = values_again(&content);
        let (mut from, mut ok) = (0, true);
        // one document or many
        while ok && from < content.len() {
            let (end, whole) = json::walk(&content, from, &mut walk);
            ok = whole && end > from;
            from = end;
        }
    }
    let mut out: Vec<(usize, Label)> = Vec::new();
    for (name, field) in fields {
        let Some(mut field) = field else { continue };
        let (known, unsure) = (field.of.len() as f64, field.unsure.len() as f64);
        if field.values.len() < 2 || known < KNOWN * seen.len() as f64 || unsure > UNSURE * known {
            continue;
        }
        let mut of = vec![0u16; all.subjects as usize];
        field.of.retain(|s, _| !field.unsure.contains(s));
        for (subject, value) in &field.of {
            if let Some(x) = of.get_mut(*subject as usize) {
                *x = *value;
            }
        }
        let text = |v: &[u8]| crate::call::text::lossless(v).into_owned();
        let label = Label {
            name: text(&name),
            values: field.values.iter().map(|v| text(v)).collect(),
            of,
        };
        out.push((field.of.len(), label));
    }
    out.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    Ok(out.into_iter().take(GIVEN).map(|x| x.1).collect())
}

/// JSON in which what stands for a hidden number, which has no quotes, is a number again: a share copy writes stars and letters there.
/// Places stay.
fn values_again(content: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'*', content).is_none() {
        return Cow::Borrowed(content);
    }
    let mut out = content.to_vec();
    let (mut quoted, mut escaped, mut hidden) = (false, false, false);
    for b in &mut out {
        match *b {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => (quoted, hidden) = (!quoted, false),
            b'*' if !quoted => (*b, hidden) = (b'1', true),
            b'a'..=b'z' if hidden => *b = b'1',
            _ => hidden = false,
        }
    }
    Cow::Owned(out)
}

/// Bodies that were answered to accounts, one account after the other as long as all its bodies are within bounds.
fn bodies(e: &Evidence<'_>, accounts: &[i64]) -> Result<BTreeSet<i64>> {
    let mut by: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for (body, call) in e.answers() {
        if let Some(a) = e.receiver(*call).filter(|a| accounts.contains(a)) {
            by.entry(a).or_default().insert(*body);
        }
    }
    let mut length = e.conn.prepare("SELECT kept FROM body WHERE id=?1")?;
    let (mut out, mut bytes) = (BTreeSet::new(), 0u64);
    for account in accounts {
        let Some(own) = by.get(account) else { continue };
        if out.len() + own.len() > limits::LABEL_BODIES {
            continue;
        }
        let mut sum = 0u64;
        for body in own {
            let n: i64 = length.query_row([body], |r| r.get(0))?;
            sum = sum.saturating_add(n.unsigned_abs());
        }
        if bytes.saturating_add(sum) > limits::LABEL_BYTES {
            continue;
        }
        bytes += sum;
        out.extend(own);
    }
    Ok(out)
}

/// An object or array that the walk is in.
struct Frame {
    array: bool,
    key: Vec<u8>,
    /// The record that it is or holds alone.
    subject: Option<u32>,
    /// Its own plain values by key.
    values: Vec<(Vec<u8>, Vec<u8>)>,
}

struct Walk<'a> {
    /// Where values of records stand.
    at: &'a FxHashMap<u64, u32>,
    /// Where values of any data class stand: these are no labels.
    graded: &'a FxHashSet<u64>,
    frames: Vec<Frame>,
    /// Levels beyond [`limits::NEST_DEPTH`].
    over: usize,
    fields: &'a mut BTreeMap<Vec<u8>, Option<Field>>,
    seen: &'a mut BTreeSet<u32>,
}

impl Walk<'_> {
    fn value(&mut self, raw: &[u8], at: usize) {
        let inside = self.over == 0;
        let Some(frame) = self.frames.last_mut().filter(|f| inside && !f.array) else {
            return;
        };
        if let Some(subject) = self.at.get(&(at as u64)) {
            frame.subject.get_or_insert(*subject);
        } else if (1..=LONG).contains(&raw.len())
            && frame.values.len() < FIELDS
            && !self.graded.contains(&(at as u64))
        {
            let key = std::mem::take(&mut frame.key);
            frame.values.push((key, raw.to_vec()));
        }
    }

    fn note(&mut self, subject: u32, key: Vec<u8>, value: Vec<u8>) {
        if self.fields.len() >= FIELDS && !self.fields.contains_key(&key) {
            return;
        }
        let slot = self
            .fields
            .entry(key)
            .or_insert_with(|| Some(Field::default()));
        let Some(field) = slot else { return };
        let place = match field.values.iter().position(|v| *v == value) {
            Some(p) => p,
            None if field.values.len() < VALUES => {
                field.values.push(value);
                field.values.len() - 1
            }
            None => {
                *slot = None;
                return;
            }
        };
        let n = u16::try_from(place + 1).unwrap_or(0);
        if *field.of.entry(subject).or_insert(n) != n {
            field.unsure.insert(subject);
        }
    }
}

impl Visit for Walk<'_> {
    fn open(&mut self, array: bool) {
        if self.frames.len() >= limits::NEST_DEPTH {
            self.over += 1;
            return;
        }
        self.frames.push(Frame {
            array,
            key: Vec::new(),
            subject: None,
            values: Vec::new(),
        });
    }
    fn close(&mut self) {
        if self.over > 0 {
            self.over -= 1;
            return;
        }
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let Some(subject) = frame.subject else { return };
        self.seen.insert(subject);
        for (key, value) in frame.values {
            self.note(subject, key, value);
        }
        // what stands beside `"customer": {...}` is about the customer too
        if let Some(around) = self.frames.last_mut().filter(|f| !f.array) {
            around.subject.get_or_insert(subject);
        }
    }
    fn key(&mut self, raw: &[u8]) {
        if let Some(frame) = self.frames.last_mut() {
            frame.key = raw.to_vec();
        }
    }
    fn string(&mut self, raw: &[u8], at: usize, _: u16) {
        self.value(raw, at);
    }
    fn number(&mut self, raw: &[u8], at: usize) {
        self.value(raw, at);
    }
    fn word(&mut self, raw: &[u8], at: usize) {
        self.value(raw, at);
    }
}

#[cfg(test)]
mod tests {
    use super::values_again;

    #[test]
    fn a_hidden_number_is_a_number_and_nothing_else_changes() {
        let there = br#"{"a\\":"*bc*","b":*bcdfg*,"c\"*":[**,true,*b ],"d":1}"#;
        let want = br#"{"a\\":"*bc*","b":1111111,"c\"*":[11,true,11 ],"d":1}"#;
        assert_eq!(values_again(there).as_ref(), want);
    }
}
