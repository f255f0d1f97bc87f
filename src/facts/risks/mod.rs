//! Rules that find risky behaviour. In: decided calls, names, classes. Out: risks with a reason and the calls they rest on.
//! Bounds: each rule is linear in calls (after sorting); at most [`CALLS`] calls are listed per risk and [`PER_RULE`] risks per rule.
//!
//! Every threshold stands in [`Limits`] with its reason. A rule never fires on what many accounts do alike.

mod bulk;
mod masking;
mod places;
mod secrets;
#[cfg(test)]
mod tests;
mod undone;
mod walk;

use super::calls::CallLine;
use super::inside::Inside;
use super::level::Classes;
use super::masks::Found;

/// Calls listed for one risk: enough to open and read, not the whole case.
pub const CALLS: usize = 200;
/// Risks of one rule: beyond, the highest scores are kept.
pub const PER_RULE: usize = 500;

/// A secret in the request target.
pub const SECRET_TARGET: u8 = 1;
/// ... in a request body.
pub const SECRET_REQ: u8 = 2;
/// ... in a response body.
pub const SECRET_RESP: u8 = 4;

/// Thresholds, each with its reason.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Window of the bulk rule: a person exporting by hand is done within ten minutes.
    pub bulk_window_ns: i64,
    /// Records in a window below which nothing is bulk: a page of 20 to 50 rows, read twice.
    pub bulk_records: u64,
    /// How many times the typical heavy window of the other accounts on the same API.
    pub bulk_times: f64,
    /// Records that are bulk where nobody else uses the API: no page shows that many.
    pub bulk_alone: u64,
    /// Steps of plus or minus one: twenty in a row do not happen by clicking.
    pub walk_ids: usize,
    /// Share of steps of exactly one.
    pub walk_share: f64,
    /// A pause after which a walk is over.
    pub walk_gap_ns: i64,
    /// Two places are used at once when the credential changes place and comes back within this time: nobody travels so fast.
    pub places_window_ns: i64,
    /// Times it must come back.
    pub places_returns: usize,
    /// Accounts behind one address from which on it is a proxy or a shared line and says nothing of place.
    pub places_shared: usize,
    /// Calls in which a class must be masked, and clear, before the two are compared.
    pub masking_calls: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bulk_window_ns: 600_000_000_000,
            bulk_records: 100,
            bulk_times: 5.0,
            bulk_alone: 500,
            walk_ids: 20,
            walk_share: 0.7,
            walk_gap_ns: 1_800_000_000_000,
            places_window_ns: 600_000_000_000,
            places_returns: 2,
            places_shared: 3,
            masking_calls: 1,
        }
    }
}

/// All that rules may look at.
pub struct View<'a> {
    /// Calls; those with `joined` set are no calls of their own.
    pub calls: &'a [CallLine],
    /// Names by API index.
    pub apis: &'a [String],
    /// Names by account index.
    pub accounts: &'a [String],
    /// Whether an account is a program, by index.
    pub service: &'a [bool],
    /// Addresses by index, as 128 bits.
    pub addrs: &'a [u128],
    /// Class names by bit number.
    pub classes: &'a [String],
    /// Levels.
    pub levels: &'a Classes,
    /// What counts as inside.
    pub inside: &'a Inside,
    /// Names of fields by term.
    pub fields: &'a [String],
    /// Masks that do not hide.
    pub masks: &'a Found,
    /// Thresholds.
    pub limits: Limits,
}

/// A risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// Rule.
    pub rule: &'static str,
    /// `account permission operation flow exposure masking`.
    pub dimension: &'static str,
    /// `low medium high critical`.
    pub severity: &'static str,
    /// Account, API or both.
    pub subject: String,
    /// One sentence with the numbers.
    pub why: String,
    /// 0..=100.
    pub score: f64,
    /// Indexes of calls in time order, at most [`CALLS`].
    pub calls: Vec<u32>,
    /// Account index for the account's own score; [`super::calls::NONE`] for none.
    pub account: u32,
    /// First and last time.
    pub span: (i64, i64),
}

type Rule = fn(&View<'_>) -> Vec<Risk>;

/// All rules.
pub const RISKS: [(&str, Rule); 7] = [
    ("bulk-read", bulk::find),
    ("ids-in-order", walk::find),
    ("secret-in-clear", secrets::find),
    ("mask-differs", masking::find),
    ("mask-fake", undone::fake),
    ("mask-recoverable", undone::recoverable),
    ("two-places", places::find),
];

/// Runs all rules; highest score first within a rule, rules in their order.
pub fn find(v: &View<'_>) -> Vec<Risk> {
    let mut out = Vec::new();
    for (_, rule) in RISKS {
        let mut found = rule(v);
        found.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| (&a.subject, &a.why).cmp(&(&b.subject, &b.why)))
        });
        found.truncate(PER_RULE);
        out.append(&mut found);
    }
    out
}

/// `low medium high critical` by score.
fn severity(score: f64) -> &'static str {
    match score {
        s if s >= 85.0 => "critical",
        s if s >= 60.0 => "high",
        s if s >= 35.0 => "medium",
        _ => "low",
    }
}

impl View<'_> {
    fn api(&self, i: u32) -> &str {
        self.apis.get(i as usize).map_or("", String::as_str)
    }
    fn account(&self, i: u32) -> &str {
        self.accounts.get(i as usize).map_or("", String::as_str)
    }
    fn class(&self, i: u8) -> &str {
        self.classes.get(usize::from(i)).map_or("", String::as_str)
    }
    /// Indexes of calls that count, sorted by `key` and then by time.
    fn sorted<K: Ord>(&self, key: impl Fn(&CallLine) -> Option<K>) -> Vec<(K, i64, u32)> {
        let mut out: Vec<(K, i64, u32)> = self
            .calls
            .iter()
            .enumerate()
            .filter(|(_, c)| c.joined == super::calls::NONE)
            .filter_map(|(i, c)| Some((key(c)?, c.ts, u32::try_from(i).ok()?)))
            .collect();
        out.sort_unstable();
        out
    }
    fn span(&self, calls: &[u32]) -> (i64, i64) {
        let ts = || {
            calls
                .iter()
                .filter_map(|i| self.calls.get(*i as usize))
                .map(|c| c.ts)
        };
        (ts().min().unwrap_or(0), ts().max().unwrap_or(0))
    }
}
