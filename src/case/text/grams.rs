//! Hashed runs of six bytes, which tell of a text that it does not hold some bytes. In: texts. Out: bits, and whether bits allow
//! what a search needs. Bounds: a column is [`BITS`] bits whatever is put into it; a group is [`COLUMNS`] columns.
//!
//! Six bytes: shorter runs of digits stand in every megabyte of numbers, longer ones would leave out needles of six bytes and two
//! Chinese characters. One bit for each run: half a million distinct ones in a megabyte fill two fifths of a column, and a needle
//! of twelve bytes asks for seven of them.
//!
//! Everything is folded first, so that one index serves searches with and without regard to case: letters of ASCII are made small,
//! and the two letters beyond ASCII that Unicode folds to ASCII ones (U+017F, U+212A) are written as those.

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Bytes of a run.
pub const RUN: usize = 6;
/// Bits of a column, two to this power.
const POWER: u32 = 20;
/// Bits of a column: an eighth of the bytes that it covers when it is full.
pub const BITS: usize = 1 << POWER;
/// Text of a full column.
pub const COLUMN_TEXT: usize = 1 << 20;
/// Columns of a group: a row of bits is one word.
pub const COLUMNS: usize = 64;
/// How far the slices of one large text reach into the next, and how much of a needle is asked for: so one slice holds all of it.
pub const OVERLAP: usize = 256;
/// Runs of a needle that are asked for, spread over it: more tell hardly more.
const ASKED: usize = 12;
/// Parts of a need; a pattern with more needs nothing.
const PARTS: usize = 200_000;

const LONG_S: &[u8] = "\u{17f}".as_bytes();
const KELVIN: &[u8] = "\u{212a}".as_bytes();

static FIND_LONG_S: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(LONG_S));
static FIND_KELVIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(KELVIN));

/// Whether folding changes more of a text than letters of ASCII, so that places in it move.
pub fn shrinks(text: &[u8]) -> bool {
    FIND_LONG_S.find(text).is_some() || FIND_KELVIN.find(text).is_some()
}

/// Makes the letters of ASCII small and leaves the rest, so that places stay what they are.
pub fn lower(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(text);
    out.make_ascii_lowercase();
}

/// Folds a text into `out`.
pub fn fold(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let find = |f: &Finder<'_>, from: usize| Some(from + f.find(text.get(from..)?)?);
    let (mut s, mut k) = (find(&FIND_LONG_S, 0), find(&FIND_KELVIN, 0));
    let mut from = 0;
    // the two share no byte, so what was found of one stays true behind the other
    while let Some(at) = s.into_iter().chain(k).min() {
        out.extend_from_slice(text.get(from..at).unwrap_or_default());
        if s == Some(at) {
            out.push(b's');
            from = at + LONG_S.len();
            s = find(&FIND_LONG_S, from);
        } else {
            out.push(b'k');
            from = at + KELVIN.len();
            k = find(&FIND_KELVIN, from);
        }
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    out.make_ascii_lowercase();
}

fn place(run: &[u8; 8]) -> usize {
    let n = u64::from_le_bytes(*run) & 0xffff_ffff_ffff;
    // the upper bits of a product depend on all bits of a factor
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - POWER)) as usize
}

/// Where the bits of a folded text's runs stand.
fn places(folded: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let whole = folded.windows(8).filter_map(|w| w.first_chunk().map(place));
    // the last two runs have fewer than two bytes behind them
    let from = folded.len().saturating_sub(7);
    let tail = folded.get(from..).unwrap_or_default();
    let rest = tail.windows(RUN).map(|w| {
        let mut run = [0u8; 8];
        run.iter_mut().zip(w).for_each(|(to, from)| *to = *from);
        place(&run)
    });
    whole.chain(rest)
}

/// The bits of one column.
pub struct Column(Vec<u64>);

impl Default for Column {
    fn default() -> Column {
        Column(vec![0; BITS / 64])
    }
}

impl Column {
    /// Adds the runs of a folded text.
    pub fn add(&mut self, folded: &[u8]) {
        for at in places(folded) {
            if let Some(word) = self.0.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
        }
    }
    /// Takes all bits away.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }
}

/// Columns beside each other: the word at a place holds a bit of each.
pub struct Group(Vec<u64>);

impl Default for Group {
    fn default() -> Group {
        Group(vec![0; BITS])
    }
}

impl Group {
    /// Puts a column in its place.
    pub fn put(&mut self, at: usize, column: &Column) {
        for (word, rows) in column.0.iter().zip(self.0.chunks_exact_mut(64)) {
            let mut word = *word;
            while word != 0 {
                if let Some(row) = rows.get_mut(word.trailing_zeros() as usize) {
                    *row |= 1 << at;
                }
                word &= word - 1;
            }
        }
    }
    /// Rows in order.
    pub fn rows(&self) -> &[u64] {
        &self.0
    }
    /// Takes all bits away.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }
}

/// What a text must hold for a search to find anything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Nothing is known.
    Any,
    /// These bytes, folded.
    Run(Vec<u8>),
    /// All of these, anywhere.
    All(Vec<Need>),
    /// One of these.
    One(Vec<Need>),
}

impl Need {
    /// These bytes. Ends that a fold could change together with what stands beside them are left off.
    pub fn bytes(text: &[u8]) -> Need {
        let mut run = Vec::new();
        fold(text, &mut run);
        while let [0xbf | 0x84 | 0xaa, ..] = run.as_slice() {
            run.remove(0);
        }
        while let [.., 0xc5 | 0xe2 | 0x84] = run.as_slice() {
            run.pop();
        }
        if run.is_empty() {
            Need::Any
        } else {
            Need::Run(run)
        }
    }

    /// All of these.
    pub fn all(parts: Vec<Need>) -> Need {
        let mut parts: Vec<Need> = parts.into_iter().filter(|p| *p != Need::Any).collect();
        match parts.len() {
            0 => Need::Any,
            1 => parts.pop().unwrap_or(Need::Any),
            _ => Need::All(parts),
        }
    }

    /// One of these.
    pub fn one(mut parts: Vec<Need>) -> Need {
        if parts.contains(&Need::Any) || parts.is_empty() || parts.len() > PARTS {
            return Need::Any;
        }
        match parts.len() {
            1 => parts.pop().unwrap_or(Need::Any),
            _ => Need::One(parts),
        }
    }

    /// Whether an index can say anything of it.
    pub fn tells(&self) -> bool {
        match self {
            Need::Any => false,
            Need::Run(run) => run.len() >= RUN,
            Need::All(parts) => parts.iter().any(Need::tells),
            Need::One(parts) => parts.iter().all(Need::tells),
        }
    }

    /// Places of the bits that are asked for, of each run in order of [`Need::columns`].
    pub fn asked(&self, out: &mut Vec<Vec<u32>>) {
        match self {
            Need::Any => {}
            Need::Run(run) => out.push(asked(run)),
            Need::All(parts) | Need::One(parts) => parts.iter().for_each(|p| p.asked(out)),
        }
    }

    /// Whether a text that stands in the columns `own` may hold what is needed. `found`: for each run the columns that hold it.
    pub fn may(&self, own: u64, found: &mut std::slice::Iter<'_, u64>) -> bool {
        match self {
            Need::Any => true,
            Need::Run(_) => found.next().is_none_or(|f| f & own != 0),
            // every part takes its runs, whatever the others say
            Need::All(parts) => {
                let held = parts.iter().filter(|p| p.may(own, found)).count();
                held == parts.len()
            }
            Need::One(parts) => parts.iter().filter(|p| p.may(own, found)).count() > 0,
        }
    }
}

/// Places of the runs of a needle that are asked for; none where it is too short.
fn asked(run: &[u8]) -> Vec<u32> {
    let all: Vec<usize> = places(run.get(..OVERLAP).unwrap_or(run)).collect();
    let step = all.len().div_ceil(ASKED).max(1);
    let last = all.last().copied();
    let some = all.iter().step_by(step).copied().chain(last);
    let mut some: Vec<u32> = some.filter_map(|n| u32::try_from(n).ok()).collect();
    some.sort_unstable();
    some.dedup();
    some
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether the bits of texts, a column each, allow a need; and for each text.
    fn allowed(texts: &[&[u8]], need: &Need) -> Vec<bool> {
        let mut group = Group::default();
        for (i, t) in texts.iter().enumerate() {
            let (mut c, mut folded) = (Column::default(), Vec::new());
            fold(t, &mut folded);
            c.add(&folded);
            group.put(i, &c);
        }
        let mut runs = Vec::new();
        need.asked(&mut runs);
        let found: Vec<u64> = runs
            .iter()
            .map(|r| {
                r.iter()
                    .fold(u64::MAX, |m, at| m & group.rows()[*at as usize])
            })
            .collect();
        (0..texts.len())
            .map(|i| need.may(1 << i, &mut found.iter()))
            .collect()
    }

    #[test]
    fn what_is_there_is_allowed_and_what_is_not_is_mostly_refused() {
        let texts: Vec<String> = (0..40)
            .map(|i| {
                (0..20_000u64)
                    .map(|k| format!("{{\"order\":\"{:08x}\"}},", (k * 7919 + i) * 65_537))
                    .collect()
            })
            .collect();
        let bytes: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let needle = &texts[7][5000..5012];
        assert!(allowed(&bytes, &Need::bytes(needle.as_bytes()))[7]);
        assert!(allowed(&bytes, &Need::bytes(needle.to_uppercase().as_bytes()))[7]);
        let absent = allowed(&bytes, &Need::bytes(b"ORD-2024-absent"));
        assert_eq!(absent.iter().filter(|x| **x).count(), 0);
        assert!(allowed(&bytes, &Need::bytes(b"abc")).iter().all(|x| *x));
    }

    #[test]
    fn letters_that_fold_to_ascii_are_found_from_both_sides() {
        let texts: [&[u8]; 2] = ["mi\u{17f}ter \u{212a}ing".as_bytes(), b"MISTER KING"];
        for needle in ["mister king", "MI\u{17f}TER \u{212a}ING"] {
            assert_eq!(
                allowed(&texts, &Need::bytes(needle.as_bytes())),
                [true, true]
            );
        }
        let of =
            |parts: &[&str]| Need::all(parts.iter().map(|p| Need::bytes(p.as_bytes())).collect());
        assert_eq!(allowed(&texts, &of(&["mister", "r king"])), [true, true]);
        assert_eq!(allowed(&texts, &of(&["mister", "absent"])), [false, false]);
    }

    /// Folding a byte after the other.
    fn plainly(mut text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let [first, ..] = text {
            let (byte, len) = if text.starts_with(LONG_S) {
                (b's', LONG_S.len())
            } else if text.starts_with(KELVIN) {
                (b'k', KELVIN.len())
            } else {
                (first.to_ascii_lowercase(), 1)
            };
            out.push(byte);
            text = &text[len..];
        }
        out
    }

    proptest! {
        #[test]
        fn folding_is_what_it_is_byte_by_byte(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    LONG_S, KELVIN, b"\xc5", b"\xbf", b"\xe2", b"\x84", b"\xaa", b"A", b"z", b"K",
                ]),
                0..60,
            ),
        ) {
            let text = parts.concat();
            let mut out = Vec::new();
            fold(&text, &mut out);
            prop_assert_eq!(&out, &plainly(&text));
            prop_assert_eq!(shrinks(&text), out.len() < text.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn no_part_of_a_text_is_ever_refused(
            text in proptest::collection::vec(any::<u8>(), 1..400),
            odd in proptest::collection::vec((0usize..400, 0usize..2), 0..4),
            from in 0usize..400,
            len in 0usize..300,
        ) {
            let mut text = text;
            for (at, which) in odd {
                let at = at.min(text.len());
                text.splice(at..at, [LONG_S, KELVIN][which].iter().copied());
            }
            let from = from.min(text.len() - 1);
            let part = &text[from..(from + len).min(text.len())];
            prop_assert!(allowed(&[&text], &Need::bytes(part))[0]);
        }
    }
}
