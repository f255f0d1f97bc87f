//! Facts of one body or head as a compact blob. In: [`Facts`] and a numbering of field paths. Out: bytes, and back.
//! Bounds: about 16 bytes a finding; a blob that is damaged or hostile decodes to what can be read of it, never panics, and allocates no more
//! than its own length warrants.

use super::form::Form;
use crate::call::model::{self as call, Facts, Miss, Packed, RawFinding};
use std::sync::Arc;

const VERSION: u8 = 1;

/// Fields that are looked for one by one before a table is made of them; a body of an API has about ten.
const FEW: usize = 32;

/// Numbers of field paths in order of first use.
#[derive(Default)]
struct Fields<'a> {
    list: Vec<&'a Arc<str>>,
    /// The one found last: rows repeat their fields in order.
    last: usize,
    /// All of them, once there are more than [`FEW`].
    table: rustc_hash::FxHashMap<&'a str, usize>,
}

impl<'a> Fields<'a> {
    fn number(&mut self, field: &'a Arc<str>) -> usize {
        let n = self.list.len();
        // Most paths are the very same string as before.
        let mut at = self.last;
        for _ in 0..n.min(FEW) {
            at = if at + 1 < n { at + 1 } else { 0 };
            if self.list.get(at).is_some_and(|f| Arc::ptr_eq(f, field)) {
                self.last = at;
                return at;
            }
        }
        let known = if n <= FEW {
            self.list.iter().position(|f| *f == field)
        } else {
            if self.table.is_empty() {
                self.table.extend(self.list.iter().map(|f| &***f).zip(0..));
            }
            self.table.get(&**field).copied()
        };
        self.last = known.unwrap_or(n);
        if known.is_none() {
            self.list.push(field);
            if n > FEW {
                self.table.insert(field, n);
            }
        }
        self.last
    }
}

/// Lists of fields that were packed last, so that what has the same ones shares them: each field is counted by all who hold it, and
/// counting from several threads costs more than the rest.
#[derive(Default)]
pub struct Lists {
    kept: Vec<call::Fields>,
    /// Place of the next new one.
    next: usize,
}

/// How many are kept: a service has some ten kinds of bodies at a time.
const LISTS: usize = 32;

impl Lists {
    fn of(&mut self, fields: &[&Arc<str>]) -> Option<call::Fields> {
        if fields.is_empty() {
            return None;
        }
        let same = |list: &&call::Fields| {
            list.len() == fields.len() && list.iter().zip(fields).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if let Some(list) = self.kept.iter().find(same) {
            return Some(Arc::clone(list));
        }
        let new: call::Fields = fields.iter().copied().cloned().collect();
        match self.kept.get_mut(self.next) {
            Some(old) => *old = Arc::clone(&new),
            None => self.kept.push(Arc::clone(&new)),
        }
        self.next = (self.next + 1) % LISTS;
        Some(new)
    }
}

/// Packs all but the numbers of the fields. `classes` gives the case's number of a class; one beyond it stays as it is.
pub fn pack(facts: &Facts, classes: &[u8], lists: &mut Lists) -> Packed {
    let mut fields = Fields::default();
    let mut out = Vec::with_capacity(2 + facts.findings.len() * 18);
    let class = |c: u8| classes.get(usize::from(c)).copied().unwrap_or(c);
    put(&mut out, facts.findings.len() as u64);
    let (mut offset, mut record) = (0u64, 0u32);
    for f in &facts.findings {
        put(&mut out, fields.number(&f.field) as u64);
        out.push(class(f.class));
        out.push(f.conf | u8::from(f.masked) << 7);
        put(&mut out, u64::from(f.form.0));
        zigzag(&mut out, f.offset.wrapping_sub(offset).cast_signed());
        offset = f.offset;
        put(&mut out, u64::from(f.len));
        zigzag(&mut out, i64::from(f.record) - i64::from(record));
        record = f.record;
        put(&mut out, f.index.len() as u64);
        for i in f.index.iter() {
            put(&mut out, u64::from(*i));
        }
        out.extend_from_slice(&f.print.to_le_bytes());
    }
    put(&mut out, facts.misses.len() as u64);
    for m in &facts.misses {
        put(&mut out, fields.number(&m.field) as u64);
        out.push(class(m.class));
        put(&mut out, u64::from(m.count));
    }
    Packed {
        fields: lists.of(&fields.list),
        records: facts.records,
        dropped: facts.dropped,
        prints: facts.findings.iter().map(|f| f.print).collect(),
        rest: out,
    }
}

impl From<Facts> for Packed {
    /// With the classes' numbers as they are.
    fn from(facts: Facts) -> Packed {
        pack(&facts, &[], &mut Lists::default())
    }
}

/// What is stored. `terms` are the numbers of its field paths (the case's term table), one for each; facts that are empty make an
/// empty blob.
pub fn blob(p: &Packed, terms: &[u32]) -> Vec<u8> {
    if terms.is_empty() && p.dropped == 0 {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(16 + terms.len() * 3 + p.rest.len());
    out.push(VERSION);
    put(&mut out, u64::from(p.records));
    put(&mut out, p.dropped);
    put(&mut out, terms.len() as u64);
    for term in terms {
        put(&mut out, u64::from(*term));
    }
    out.extend_from_slice(&p.rest);
    out
}

/// Unpacks. `term` gives a field path back by its number.
pub fn decode(blob: &[u8], term: &dyn Fn(u32) -> Arc<str>) -> Facts {
    let mut facts = Facts::default();
    let mut r = Reader(blob);
    let _ = read(&mut r, term, &mut facts);
    facts
}

fn read(r: &mut Reader<'_>, term: &dyn Fn(u32) -> Arc<str>, facts: &mut Facts) -> Option<()> {
    if r.byte()? != VERSION {
        return None;
    }
    facts.records = r.u32()?;
    facts.dropped = r.varint()?;
    let n = r.count(1)?;
    let mut fields = Vec::with_capacity(n);
    for _ in 0..n {
        fields.push(term(r.u32()?));
    }
    let n = r.count(15)?;
    facts.findings.reserve(n);
    let (mut offset, mut record) = (0u64, 0i64);
    for _ in 0..n {
        let field = fields.get(r.index()?)?.clone();
        let class = r.byte()?;
        let conf = r.byte()?;
        let form = Form(r.u32()?);
        offset = offset.wrapping_add(r.zigzag()?.cast_unsigned());
        let len = r.u32()?;
        record = record.checked_add(r.zigzag()?)?;
        let n = r.count(1)?;
        let mut index = Vec::with_capacity(n);
        for _ in 0..n {
            index.push(r.u32()?);
        }
        let index = index.into_iter().collect();
        facts.findings.push(RawFinding {
            class,
            form,
            masked: conf & 0x80 != 0,
            conf: conf & 0x7f,
            field,
            index,
            offset,
            len,
            record: u32::try_from(record).ok()?,
            print: r.print()?,
        });
    }
    let n = r.count(3)?;
    for _ in 0..n {
        let field = fields.get(r.index()?)?.clone();
        let class = r.byte()?;
        let count = r.u32()?;
        facts.misses.push(Miss {
            class,
            field,
            count,
        });
    }
    Some(())
}

/// A finding without its place inside the body: what counting needs, without an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slim {
    /// Number of the field path.
    pub field: u32,
    /// Class.
    pub class: u8,
    /// 0..=100.
    pub conf: u8,
    /// Whether part of the value is masked.
    pub masked: bool,
    /// Encoding around it.
    pub form: Form,
    /// Record, 0 for none.
    pub record: u32,
    /// The innermost index of its place: the column, of a cell whose field is a heading.
    pub last: Option<u32>,
    /// Print.
    pub print: u64,
}

/// How many records the findings of a blob stand in; 0 where it cannot be read.
pub fn records(blob: &[u8]) -> u32 {
    let mut r = Reader(blob);
    match r.byte() {
        Some(VERSION) => r.u32().unwrap_or(0),
        _ => 0,
    }
}

/// Visits the findings of a blob and then its misses (field, class, count). What [`decode`] would leave out is left out here.
pub fn visit(blob: &[u8], finding: impl FnMut(Slim), miss: impl FnMut(u32, u8, u32)) {
    let _ = visit_all(&mut Reader(blob), finding, miss);
}

fn visit_all(
    r: &mut Reader<'_>,
    mut finding: impl FnMut(Slim),
    mut miss: impl FnMut(u32, u8, u32),
) -> Option<()> {
    if r.byte()? != VERSION {
        return None;
    }
    r.u32()?;
    r.varint()?;
    let n = r.count(1)?;
    // Bodies have few fields; where there are more, the list is made once a body.
    let mut fields: Vec<u32> = Vec::with_capacity(n);
    for _ in 0..n {
        fields.push(r.u32()?);
    }
    let n = r.count(15)?;
    let mut record = 0i64;
    for _ in 0..n {
        let field = *fields.get(r.index()?)?;
        let class = r.byte()?;
        let conf = r.byte()?;
        let form = Form(r.u32()?);
        r.zigzag()?;
        r.u32()?;
        record = record.checked_add(r.zigzag()?)?;
        let mut last = None;
        for _ in 0..r.count(1)? {
            last = Some(r.u32()?);
        }
        finding(Slim {
            field,
            class,
            conf: conf & 0x7f,
            masked: conf & 0x80 != 0,
            form,
            record: u32::try_from(record).ok()?,
            last,
            print: r.print()?,
        });
    }
    for _ in 0..r.count(3)? {
        let field = *fields.get(r.index()?)?;
        let class = r.byte()?;
        miss(field, class, r.u32()?);
    }
    Some(())
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push((n & 0x7f) as u8);
}

fn zigzag(out: &mut Vec<u8>, n: i64) {
    put(out, (n << 1 ^ n >> 63).cast_unsigned());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
    fn varint(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            n |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }
    fn u32(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }
    fn index(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }
    /// A number of things that take at least `least` bytes each: more than the rest can hold is damage.
    fn count(&mut self, least: usize) -> Option<usize> {
        let n = self.index()?;
        (n <= self.0.len() / least).then_some(n)
    }
    fn zigzag(&mut self) -> Option<i64> {
        let n = self.varint()?;
        Some((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
    }
    fn print(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Number of a path in a list that grows.
    fn number(v: &mut Vec<Arc<str>>, s: &Arc<str>) -> u32 {
        let at = v.iter().position(|t| t == s).unwrap_or_else(|| {
            v.push(s.clone());
            v.len() - 1
        });
        u32::try_from(at).unwrap()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(rows in proptest::collection::vec((0u8..40, any::<u32>(), any::<bool>(), 0u8..=100, 0u8..5, proptest::collection::vec(any::<u32>(), 0..4), any::<u64>(), any::<u32>(), any::<u32>(), any::<u64>()), 0..40), dropped in any::<u64>()) {
            let mut facts = Facts { dropped, records: 7, ..Facts::default() };
            for (class, form, masked, conf, field, index, offset, len, record, print) in rows {
                facts.findings.push(RawFinding { class, form: Form(form), masked, conf, field: format!("$.f{field}").into(), index: index.into_iter().collect(), offset, len, record, print });
                facts.misses.push(Miss { class, field: format!("$.m{field}").into(), count: len });
            }
            let mut v = Vec::new();
            let packed = pack(&facts, &[], &mut Lists::default());
            let terms: Vec<u32> = packed.fields.iter().flat_map(|l| l.iter()).map(|s| number(&mut v, s)).collect();
            let blob = blob(&packed, &terms);
            let back = decode(&blob, &|i| v[i as usize].clone());
            if facts.findings.is_empty() && dropped == 0 {
                prop_assert!(blob.is_empty());
            } else {
                prop_assert_eq!(back, facts);
            }
        }
        #[test]
        fn hostile_blobs_do_no_harm(blob in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut blob = blob;
            if let Some(b) = blob.first_mut() { *b = VERSION; }
            let facts = decode(&blob, &|i| format!("{i}").into());
            prop_assert!(facts.findings.len() <= blob.len());
        }
    }
}
