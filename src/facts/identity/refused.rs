//! Whether what a call presents was ever let in. In: credentials and the answers to them. Out: how each credential stands.
//! Bounds: one pass over calls; linear in credentials.
//!
//! A token names whom it likes and a key is any text, until an answer accepts it. One that was refused (401, or an answer that
//! says so) each time it was shown, names nobody. One that was shown its limits only (403) is named in doubt: whoever may not
//! read this was still somebody, but a key that no answer knows is none.

use super::input::{Ev, Input};
use super::{NONE, VIA};
use rustc_hash::FxHashMap;

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// An answer accepted it, or nobody refused it.
    Good,
    /// It may be good and not allowed, or no good.
    Doubtful,
    /// It was refused whenever it was shown.
    Refused,
}

/// How all credentials stand that were refused and never accepted; true for those that were not allowed only.
#[derive(Debug, Default)]
pub struct Standings(FxHashMap<u64, bool>);

impl Standings {
    /// Reads all answers.
    pub fn of(input: &Input) -> Standings {
        let no = |status: u16, said: bool| matches!(status, 401 | 403) || said;
        let said = |e: &Ev| matches!(e, Ev::Refused);
        let mut out: FxHashMap<u64, bool> = FxHashMap::default();
        for row in &input.rows {
            let told = input.events_of(row).iter().any(said);
            if no(row.status, told) {
                let limits = row.status == 403 && !told;
                for c in input.creds_of(row) {
                    let only = out.entry(c.print).or_insert(true);
                    *only &= limits;
                }
            }
        }
        if out.is_empty() {
            return Standings(out);
        }
        for row in &input.rows {
            if !no(row.status, input.events_of(row).iter().any(said)) {
                for c in input.creds_of(row) {
                    out.remove(&c.print);
                }
            }
        }
        Standings(out)
    }

    /// How a credential of this kind stands that names itself by `name`.
    pub fn at(&self, print: u64, kind: u8, name: u32) -> Standing {
        let Some(limits) = self.0.get(&print).copied() else {
            return Standing::Good;
        };
        match VIA.get(kind as usize).copied().unwrap_or_default() {
            // A password is asked for with 401; what a front checked was checked before the answer.
            "basic" | "digest" | "ntlm" | "log-user" if limits => Standing::Good,
            _ if limits && name != NONE => Standing::Doubtful,
            _ => Standing::Refused,
        }
    }
}
