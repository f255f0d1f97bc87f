//! The trace object of the contract. In: what the trace found. Out: serialisable structs in the contract's field
//! order; fields after those of the contract are additions. Bounds: [`crate::limits::TRACE_TRAILS`] trails,
//! [`crate::limits::TRACE_CALLS`] call ids a suspect; what is left out is counted in `omitted`.

use super::subject::Subject;
use serde::Serialize;

/// How much of the clue was seen at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ClueCount {
    /// Rows of the clue.
    pub rows: u64,
    /// Distinct values of the clue.
    pub values: u64,
    /// Rows seen in some call.
    pub matched_rows: u64,
    /// Values seen in some call.
    pub matched_values: u64,
    /// How the clue was read: format, columns and what class each is of.
    pub read_as: String,
    /// Lines of the clue that hold nothing to look for.
    pub skipped: u64,
}

/// Who could have leaked it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// The smallest set of accounts that explains the clue.
    pub set: Vec<String>,
    /// Accounts that this evidence cannot tell apart; one of each class stands in `set`.
    pub ties: Vec<Vec<String>>,
    /// No account of this evidence explains the clue.
    pub none: bool,
    /// Posterior probability of `set` (of `none`) among the alternatives that were weighed, 0..=1.
    pub confidence: f64,
    /// In words.
    pub why: String,
}

impl Verdict {
    /// Its confidence in a word, for who does not read shares of one: how many of a hundred such verdicts are expected to hold.
    pub fn strength(&self) -> &'static str {
        match self.confidence {
            c if c >= 0.95 => "very strong",
            c if c >= 0.8 => "strong",
            c if c >= 0.5 => "moderate",
            _ => "weak",
        }
    }
}

/// One reason for or against a suspect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// `likelihood coverage exclusivity columns version order time format channel canary exit upload relay peers`.
    pub kind: &'static str,
    /// Weight in bits: positive speaks for the suspect, negative against.
    pub bits: f64,
    /// In words.
    pub text: String,
}

/// Which weights make the score of a suspect, for whoever adds them up.
pub const ADDED: &str = "The bits of an account are those of likelihood, exit and canary. Other weights stand beside them: they part accounts that would tie, or are told for the reader, and are not added.";

/// An account that could explain the clue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspect {
    /// Account.
    pub account: String,
    /// Log-likelihood gain of the account over background alone, in bits; what `suspects` is ordered by.
    pub score: f64,
    /// Clue rows delivered to the account.
    pub covered: u64,
    /// Clue rows.
    pub of: u64,
    /// Distinct records delivered to the account in all.
    pub read_total: u64,
    /// Sum over covered rows of log2(accounts / accounts that received the row).
    pub exclusive_bits: f64,
    /// First delivery of a covered row.
    pub first: Option<String>,
    /// Last one.
    pub last: Option<String>,
    /// APIs that delivered covered rows.
    pub apis: Vec<String>,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// Calls that delivered covered rows, in time order.
    pub calls: Vec<String>,
    /// Share of what the account read that would be leaked if it were the source.
    pub rate: f64,
    /// Whether it is in the verdict's set.
    pub in_set: bool,
}

/// Where a hop stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HopLocator {
    /// Source (the file's name as given).
    pub source: String,
    /// First packet or line of the call.
    pub first: u64,
    /// Last packet or line.
    pub last: u64,
    /// Byte offset of the value in the decoded content.
    pub offset: Option<u64>,
    /// Its length there.
    pub len: Option<u64>,
}

/// One movement of a record between two addresses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hop {
    /// From 1, in time order.
    pub n: u32,
    /// When the data went; `None` where the hop is inferred.
    pub ts: Option<String>,
    /// Address the data left.
    pub from: Option<String>,
    /// Address the data went to.
    pub to: Option<String>,
    /// API.
    pub api: Option<String>,
    /// Account that made the call.
    pub account: Option<String>,
    /// `req` or `resp`.
    pub dir: &'static str,
    /// Place of the value in the message.
    #[serde(rename = "where")]
    pub place: String,
    /// Chain of encodings.
    pub form: String,
    /// Whether only a masked form was in it.
    pub masked: bool,
    /// Confidence that this is the record, 0..=1.
    pub conf: f64,
    /// Implied by the evidence, not captured.
    pub inferred: bool,
    /// Call.
    pub call: Option<String>,
    /// Where it stands.
    pub locator: Option<HopLocator>,
    /// Value as shown: masked unless revealed.
    pub value: Option<String>,
    /// How many different values of the record this hop carried.
    pub values: u32,
    /// `n` of the hop that the data most likely came from.
    pub via: Option<u32>,
    /// How it came from there: `origin downstream upstream relay stored lateral`.
    pub link: &'static str,
    /// Other hops that it could have come from, best first.
    pub runners_up: Vec<u32>,
    /// Whether `to` is outside.
    pub exit: bool,
    /// `ts` on one clock for all captures: how far their clocks are apart is told from what they have in common.
    pub at: Option<String>,
    /// All forms that values of the record have in this message.
    pub forms: Vec<String>,
    /// Row id of the call, for the interface.
    #[serde(skip)]
    pub call_rowid: Option<i64>,
    /// Time in nanoseconds on the clock for all, for the interface.
    #[serde(skip)]
    pub ts_ns: Option<i64>,
}

/// A place where a record left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exit {
    /// Outside address.
    pub to: String,
    /// When.
    pub ts: Option<String>,
    /// Call.
    pub call: Option<String>,
    /// Form.
    pub form: String,
}

/// The way of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trail {
    /// What is followed: masked values of the record, or the row of the clue.
    pub record: String,
    /// Movements in time order.
    pub hops: Vec<Hop>,
    /// Where it left.
    pub exits: Vec<Exit>,
    /// When it was seen first.
    pub first_seen: Option<String>,
    /// When it was last seen neither masked nor hashed.
    pub last_clear: Option<String>,
}

/// What was left out of the answer, and what could not be looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Omitted {
    /// Trails beyond the limit.
    pub trails: u64,
    /// Hops beyond the limit in the trails that are shown.
    pub hops: u64,
    /// Suspects beyond the limit.
    pub suspects: u64,
    /// Values that were not searched as text because the limit of patterns was reached.
    pub unsearched: u64,
    /// Bytes of text in which values were looked for in their direct forms alone: codings inside codings, archives and masks are
    /// undone only in cases of less text.
    pub shallow: u64,
    /// A share copy was asked for what it holds: values were followed by their prints, so that their digests and masked forms
    /// were not found. Left out where it is not so: the digest of an answer stands in journals.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub veiled: bool,
    /// The search was stopped before its end.
    pub stopped: bool,
}

/// What is said of an answer that is [`Omitted::veiled`].
pub const VEILED: &str = "in a share copy values are followed by their prints: their digests and masked forms are found only in the \
    case that it was made from";

impl Omitted {
    /// Each as a sentence.
    pub fn notes(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.stopped {
            out.push("the search was stopped before its end".to_owned());
        }
        if self.veiled {
            out.push(VEILED.to_owned());
        }
        for (n, what) in [
            (self.trails, "trails are not listed"),
            (self.hops, "hops are not listed"),
            (self.suspects, "suspects are not listed"),
            (self.unsearched, "values were not searched as text"),
            (
                self.shallow,
                "bytes of text were searched for direct forms alone",
            ),
        ] {
            if n > 0 {
                out.push(format!("{n} {what}"));
            }
        }
        out
    }
}

/// A cell of a leaked row, and whether the account got it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadCell {
    /// Name of its column.
    pub column: Option<String>,
    /// Class of it.
    pub class: Option<String>,
    /// The value, masked unless revealed.
    pub value: String,
    /// Whether such a value alone tells whose row it is.
    #[serde(skip)]
    pub strong: bool,
    /// `clear` as the clue has it, `masked` (or hashed), `None` for not at all.
    pub read: Option<&'static str>,
}

/// A call that delivered a leaked row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadOf {
    /// When.
    pub ts: String,
    /// The call.
    pub call: String,
    /// Its API.
    pub api: Option<String>,
    /// Place of the row's best value in the answer.
    #[serde(rename = "where")]
    pub place: String,
    /// Chain of encodings there.
    pub form: String,
    /// Whether it stood there masked.
    pub masked: bool,
    /// Belief that it is this row.
    pub conf: f64,
    /// Where it stands in the evidence.
    pub locator: HopLocator,
}

/// A leaked row and what one account read of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadRow {
    /// From 1, in the clue's order.
    pub row: u64,
    /// Its cells.
    pub values: Vec<ReadCell>,
    /// Calls that delivered it, all of them.
    pub reads: u64,
    /// The first of them.
    pub calls: Vec<ReadOf>,
}

/// The leaked rows beside what one account read of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reads {
    /// Account.
    pub account: String,
    /// Rows that it read.
    pub read: u64,
    /// Rows of the clue.
    pub of: u64,
    /// Rows that are not listed.
    pub more: u64,
    /// Every row, read or not.
    pub rows: Vec<ReadRow>,
}

/// `trace`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TraceResult {
    /// Clue.
    pub clue: ClueCount,
    /// Verdict.
    pub verdict: Verdict,
    /// Suspects, best first.
    pub suspects: Vec<Suspect>,
    /// Trails.
    pub trails: Vec<Trail>,
    /// What is not in the answer.
    pub omitted: Omitted,
    /// What one account, address, device, API, host or value saw, took and sent on; not with a clue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The leaked rows beside what one account read of them, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// A load into the case has not ended: what it has not read yet is not in the answer. Left out where it is not so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// What is said of an answer that is [`TraceResult::partial`].
pub const UNENDED: &str = "a load has not ended: what it has not read yet is not in this answer";

impl TraceResult {
    /// What is not in the answer, each as a sentence.
    pub fn notes(&self) -> Vec<String> {
        let mut out = self.omitted.notes();
        if self.partial {
            out.insert(0, UNENDED.to_owned());
        }
        out
    }
    /// Whether nothing of the clue was seen: exit status 1.
    pub fn nothing(&self) -> bool {
        self.clue.matched_values == 0
            && self.trails.is_empty()
            && self.suspects.is_empty()
            && self.subject.as_ref().is_none_or(|s| s.seen.calls == 0)
    }
}
