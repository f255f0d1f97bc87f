//! Masks that do not hide. In: what responses carried, masked and clear, body by body. Out: masked values whose clear form stands in the
//! same response (fake), and those that masks of several interfaces, laid over each other, leave few values of (recoverable).
//! Bounds: linear in findings but for one comparison a masked value with the clear ones of its body, at most [`COMPARED`] of them;
//! at most [`VEILS`] masked values are remembered, further ones are counted.
//!
//! Two masked values are of one subject where they stand beside the same identifying value, which in each of their fields stands
//! beside no other, and where no character that both show differs. A clear value is that of a masked one where it fits the mask and
//! stands in the same record, or shows [`SURE`] characters of it.

pub mod remain;

use crate::detect::kind::Kind;
use crate::detect::mask;
use remain::{HIDDEN, Remain};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// Masked values remembered: about 100 bytes each.
const VEILS: usize = 400_000;
/// Clear values of a body that one masked value outside their records is compared with.
const COMPARED: usize = 512;
/// Visible characters from which a fit is no chance: a body of a thousand numbers holds two that agree in five by chance.
const SURE: usize = 6;
/// Values left at which a mask counts as undone: as many as a form that checks one can be asked in an hour.
pub const FEW: u64 = 100;
/// Calls remembered of one fact.
const CALLS: usize = super::risks::CALLS;

/// A value in a response.
#[derive(Debug, Clone)]
pub struct Item {
    /// Class.
    pub kind: Kind,
    /// Record in its body, 0 for none.
    pub record: u32,
    /// Field path, as a term of the case.
    pub field: u32,
    /// As it stands there, encodings undone.
    pub value: String,
    /// Whether part of it is hidden.
    pub masked: bool,
    /// Prints of the values beside it that may tell whose it is.
    pub siblings: Vec<u64>,
}

/// A body with who got it.
pub struct Body<'a> {
    /// API index.
    pub api: u32,
    /// Its calls, and the accounts that got it themselves ([`super::calls::NONE`] for none), in time order.
    pub calls: &'a [(u32, u32)],
    /// Masked and clear values.
    pub items: &'a [Item],
}

/// Clear values beside their masked forms, of one class in one API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fake {
    /// Masked values seen, once a body.
    pub masked: u64,
    /// ... of which the clear one stands in the same response.
    pub shown: u64,
    /// The field that masks and the one that shows, of the first.
    pub fields: (u32, u32),
    /// Calls that show.
    pub calls: Vec<u32>,
}

/// Values of one class that one account could put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Account index.
    pub account: u32,
    /// Class.
    pub kind: Kind,
    /// Subjects.
    pub subjects: u64,
    /// ... of whom one value alone is left.
    pub whole: u64,
    /// Most values left of any of them.
    pub left: u64,
    /// Fewest values that one of the masks alone leaves of the first subject.
    pub alone: u64,
    /// API and mask (`3v4m4v`) of the first subject, two at least unless one mask alone leaves so few.
    pub masks: Vec<(u32, String)>,
    /// The calls, in order.
    pub calls: Vec<u32>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// By class and API.
    pub fakes: Vec<(Kind, u32, Fake)>,
    /// By account and class.
    pub recovered: Vec<Recovered>,
    /// Responses or values that were not looked at.
    pub left_out: u64,
}

struct Veil {
    who: (u32, Kind),
    sibling: u64,
    place: (u32, u32),
    pattern: Box<[u8]>,
    call: u32,
}

/// Takes bodies, one after the other.
#[derive(Default)]
pub struct Masks {
    fakes: BTreeMap<(Kind, u32), Fake>,
    veils: Vec<Veil>,
    left_out: u64,
}

/// The characters of a masked value, [`HIDDEN`] where one is hidden; separators and the country code are left out.
pub fn pattern(kind: Kind, text: &str) -> Option<Vec<u8>> {
    let chars = mask::chars(text)?;
    let ascii = |(c, hidden): (char, bool)| match hidden {
        true => Some(HIDDEN),
        false => u8::try_from(c).ok().filter(u8::is_ascii_alphanumeric),
    };
    let out: Vec<u8> = chars.into_iter().map(ascii).collect::<Option<_>>()?;
    Some(match kind {
        Kind::Mobile if out.len() == 13 && out.starts_with(b"86") => out.get(2..)?.to_vec(),
        _ => out,
    })
}

/// `3v4m4v`: runs of visible and masked characters.
fn signature(p: &[u8]) -> String {
    p.chunk_by(|a, b| (*a == HIDDEN) == (*b == HIDDEN))
        .map(|run| {
            let what = if run.first() == Some(&HIDDEN) {
                'm'
            } else {
                'v'
            };
            format!("{}{what}", run.len())
        })
        .collect()
}

/// How many characters of a clear value a mask shows; `None` where it is not that value's.
fn shows(m: &mask::Masked, clear: &str) -> Option<usize> {
    let n = clear.chars().count();
    let (before, behind) = (m.prefix.chars().count(), m.suffix.chars().count());
    let fits = before + behind < n && clear.starts_with(&m.prefix) && clear.ends_with(&m.suffix);
    fits.then_some(before + behind)
}

fn plain(kind: Kind, text: &str) -> String {
    let number = matches!(kind, Kind::Mobile | Kind::CnId | Kind::Card | Kind::Phone);
    let kept = text
        .trim()
        .chars()
        .filter(|c| !number || c.is_alphanumeric());
    let mut out: String = kept.collect();
    if kind == Kind::Mobile && out.len() == 13 && out.starts_with("86") {
        out.drain(..2);
    }
    out
}

impl Masks {
    /// Takes what one body carried.
    pub fn add(&mut self, body: &Body<'_>) {
        let clear: Vec<(&Item, String)> = body
            .items
            .iter()
            .filter(|i| !i.masked)
            .map(|i| (i, plain(i.kind, &i.value)))
            .collect();
        let mut records: FxHashMap<(u32, Kind), Vec<usize>> = FxHashMap::default();
        for (at, (i, _)) in clear.iter().enumerate() {
            records.entry((i.record, i.kind)).or_default().push(at);
        }
        for item in body.items.iter().filter(|i| i.masked) {
            let Some(m) = mask::read(&item.value) else {
                continue;
            };
            let fake = self.fakes.entry((item.kind, body.api)).or_default();
            fake.masked += 1;
            let own = records
                .get(&(item.record, item.kind))
                .filter(|_| item.record != 0);
            let own = own.into_iter().flatten().filter_map(|at| clear.get(*at));
            let same = |least: usize, (i, v): &(&Item, String)| {
                i.kind == item.kind
                    && i.field != item.field
                    && shows(&m, v).is_some_and(|n| n >= least)
            };
            let near = own.take(COMPARED).find(|c| same(1, c));
            let shown = near.or_else(|| clear.iter().take(COMPARED).find(|c| same(SURE, c)));
            if let Some((by, _)) = shown {
                if fake.shown == 0 {
                    fake.fields = (item.field, by.field);
                }
                fake.shown += 1;
                for (call, _) in body.calls {
                    if fake.calls.last() != Some(call) && fake.calls.len() < CALLS {
                        fake.calls.push(*call);
                    }
                }
            }
            self.remember(body, item);
        }
    }

    /// A response that was not looked at.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    fn remember(&mut self, body: &Body<'_>, item: &Item) {
        if !matches!(item.kind, Kind::CnId | Kind::Card | Kind::Mobile) {
            return;
        }
        let Some(p) = pattern(item.kind, &item.value) else {
            return;
        };
        let mut seen = FxHashSet::default();
        for (call, account) in body.calls {
            if *account == super::calls::NONE || !seen.insert(*account) {
                continue;
            }
            for sibling in &item.siblings {
                if self.veils.len() >= VEILS {
                    self.left_out += 1;
                    return;
                }
                self.veils.push(Veil {
                    who: (*account, item.kind),
                    sibling: *sibling,
                    place: (body.api, item.field),
                    pattern: p.as_slice().into(),
                    call: *call,
                });
            }
        }
    }

    /// Lays the masks of each subject over each other.
    pub fn finish(mut self) -> Found {
        let mut out = Found {
            left_out: self.left_out,
            ..Found::default()
        };
        self.fakes.retain(|_, f| f.shown > 0);
        out.fakes = self
            .fakes
            .into_iter()
            .map(|((kind, api), f)| (kind, api, f))
            .collect();
        let key = |v: &Veil| (v.who, v.sibling, v.place);
        self.veils
            .sort_by(|a, b| (key(a), &a.pattern, a.call).cmp(&(key(b), &b.pattern, b.call)));
        let mut remain = Remain::default();
        for who in self.veils.chunk_by(|a, b| a.who == b.who) {
            out.recovered.extend(recover(&mut remain, who));
        }
        out
    }
}

/// What one account could put together of one class.
fn recover(remain: &mut Remain, veils: &[Veil]) -> Option<Recovered> {
    let (account, kind) = veils.first()?.who;
    let mut out: Option<Recovered> = None;
    // A subject has several identifying values beside it; it is known again by what its masks show together.
    let mut known: FxHashSet<Vec<u8>> = FxHashSet::default();
    for subject in veils.chunk_by(|a, b| a.sibling == b.sibling) {
        let mut own: Vec<&Veil> = Vec::new();
        for field in subject.chunk_by(|a, b| a.place == b.place) {
            // beside other values too: it tells nobody apart
            if field
                .iter()
                .all(|v| field.first().is_some_and(|f| f.pattern == v.pattern))
            {
                own.extend(field.first());
            }
        }
        let Some(all) = lay(&own) else { continue };
        let Some(left) = remain.count(kind, &all).filter(|n| (1..=FEW).contains(n)) else {
            continue;
        };
        let alone = own
            .iter()
            .filter_map(|v| remain.count(kind, &v.pattern))
            .min();
        if !known.insert(all) {
            continue;
        }
        let out = out.get_or_insert_with(|| Recovered {
            account,
            kind,
            subjects: 0,
            whole: 0,
            left: 0,
            alone: alone.unwrap_or(0),
            masks: own
                .iter()
                .map(|v| (v.place.0, signature(&v.pattern)))
                .collect(),
            calls: Vec::new(),
        });
        out.subjects += 1;
        out.whole += u64::from(left == 1);
        out.left = out.left.max(left);
        out.calls.extend(own.iter().map(|v| v.call));
    }
    let mut out = out?;
    out.masks.sort();
    out.masks.dedup();
    out.calls.sort_unstable();
    out.calls.dedup();
    out.calls.truncate(CALLS);
    Some(out)
}

/// Masks of one subject over each other; `None` where they show different characters or lengths.
fn lay(veils: &[&Veil]) -> Option<Vec<u8>> {
    let mut all = veils.first()?.pattern.to_vec();
    for v in veils {
        if v.pattern.len() != all.len() {
            return None;
        }
        for (a, b) in all.iter_mut().zip(&v.pattern) {
            match (*a, *b) {
                (HIDDEN, b) => *a = b,
                (a, b) if b != HIDDEN && a != b => return None,
                _ => {}
            }
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: Kind, record: u32, field: u32, value: &str, siblings: &[u64]) -> Item {
        Item {
            kind,
            record,
            field,
            value: value.to_owned(),
            masked: value.contains('*'),
            siblings: siblings.to_vec(),
        }
    }

    #[test]
    fn a_mask_beside_its_clear_value_hides_nothing() {
        let mut m = Masks::default();
        m.add(&Body {
            api: 3,
            calls: &[(7, 1)],
            items: &[
                item(Kind::Mobile, 1, 10, "138****5678", &[]),
                item(Kind::Mobile, 1, 11, "+86 138-1234-5678", &[]),
                // another person's
                item(Kind::Mobile, 2, 10, "139****1111", &[]),
                item(Kind::Mobile, 2, 11, "13812345678", &[]),
                // outside of any record: seven characters agree
                item(Kind::Name, 1, 12, "张*", &[]),
                item(Kind::Name, 3, 13, "张三", &[]),
            ],
        });
        let found = m.finish();
        assert_eq!(found.fakes.len(), 1);
        let (kind, api, f) = &found.fakes[0];
        assert_eq!((*kind, *api, f.masked, f.shown), (Kind::Mobile, 3, 2, 1));
        assert_eq!((f.fields, f.calls.as_slice()), ((10, 11), &[7][..]));
    }

    #[test]
    fn masks_of_two_interfaces_give_the_number_away() {
        let mut m = Masks::default();
        let mut add = |api, call, account, value: &str, siblings: &[u64]| {
            m.add(&Body {
                api,
                calls: &[(call, account)],
                items: &[item(Kind::CnId, 1, api, value, siblings)],
            });
        };
        // the same customer number beside both
        add(1, 10, 5, "110105********002X", &[77, 1]);
        add(2, 11, 5, "******19491231****", &[77, 1]);
        // a word that stands beside everybody says nothing
        add(1, 12, 5, "110105********0011", &[1]);
        // the other half went to another account
        add(1, 13, 6, "330106********0019", &[88]);
        add(2, 14, 7, "******19900307****", &[88]);
        // what differs is not one person's
        add(1, 15, 8, "330106********0019", &[99]);
        add(2, 16, 8, "44****19900307****", &[99]);
        let found = m.finish();
        assert_eq!(found.recovered.len(), 1, "{found:?}");
        let r = &found.recovered[0];
        assert_eq!(
            (r.account, r.kind, r.subjects, r.whole, r.left),
            (5, Kind::CnId, 1, 1, 1)
        );
        assert!(r.alone > 1000);
        assert_eq!(
            r.masks,
            [(1, "6v8m4v".to_owned()), (2, "6m8v4m".to_owned())]
        );
        assert_eq!(r.calls, [10, 11]);
    }
}
