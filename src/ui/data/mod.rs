//! What screens ask and what comes back. In: questions with an id. Out: answers with the same id, from other threads.
//! Bounds: lists that are not paged stop at [`LIST_ROWS`] and say so; nothing is read on the drawing thread.

pub mod case;
pub mod indexer;
pub mod lane;
pub mod notebook;
pub mod overview;
pub mod palette;
pub mod paths;
pub mod sql;

use crate::query::Filter;
use crate::query::read::compare::Changed;
use crate::query::read::{Page, Show};
use crate::query::rows::*;
use crate::replay::Timeline;
use crate::trace::{Question, TraceResult};
use crate::ui::widget::chart::Bin;

/// Rows of an unpaged list that are kept on screen; a filter finds the others.
pub const LIST_ROWS: usize = 20_000;
/// Calls of a session that are replayed.
pub const FILM_CALLS: usize = 20_000;

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Calls,
    Apis,
    Accounts,
    Sessions,
    Findings,
    Risks,
    Flows,
    Sources,
    Marks,
    Suspects,
    Hops,
    Sql,
    Reads,
}

impl Kind {
    /// For people.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Calls => "calls",
            Kind::Apis => "APIs",
            Kind::Accounts => "accounts",
            Kind::Sessions => "sessions",
            Kind::Findings => "findings",
            Kind::Risks => "risks",
            Kind::Flows => "flows",
            Kind::Sources => "sources",
            Kind::Marks => "marks",
            Kind::Suspects => "suspects",
            Kind::Hops => "hops",
            Kind::Sql | Kind::Reads => "rows",
        }
    }
}

/// A row of any list.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Call(Box<CallRow>),
    Api(Box<ApiRow>),
    Account(Box<AccountRow>),
    Session(Box<SessionRow>),
    Finding(Box<FindingRow>),
    Risk(Box<RiskRow>),
    Flow(Box<FlowRow>),
    Source(Box<SourceRow>),
    Mark(Box<MarkRow>),
    Suspect(Box<crate::trace::model::Suspect>),
    Hop(Box<crate::trace::model::Hop>),
    Read(Box<crate::trace::model::ReadRow>),
    Sql(Vec<String>),
}

/// A target with what was put on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkRow {
    /// `call:ID`, `api:NAME`, `account:NAME` ...
    pub target: String,
    /// Whether it is marked.
    pub mark: bool,
    /// Notes.
    pub notes: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// When the last of them was put, nanoseconds.
    pub at: i64,
}

/// Where an answer belongs: a frame and a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Rows from the start (or end) of a list.
    List,
    /// Rows behind those at hand.
    More,
    /// Rows before those at hand.
    Earlier,
    /// The last rows of a list.
    Last,
    /// Number of rows.
    Count,
    /// One call.
    Detail,
    /// A pane beside the list.
    Side,
    /// The overview.
    Overview,
    /// A session.
    Film,
    /// A trace.
    Trace,
    /// Names for the palette.
    Names,
    /// Marks of the case.
    Marks,
    /// Something that was written.
    Written,
    /// Paths for a prompt.
    Paths,
    /// A text for the clipboard.
    Copied,
}

/// A thread that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneId {
    /// Pages and calls: quick.
    Page,
    /// Counts, lists and overviews: may take a while.
    Aggregate,
    /// Writes and long searches that must not be in the way.
    Work,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Newest wins: an answer with an id that is no longer waited for is dropped.
    pub id: u64,
    /// Frame that asks; 0 for the interface itself.
    pub frame: u64,
    /// Place in it.
    pub place: Place,
    /// What.
    pub what: What,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A page of calls.
    Calls { filter: Filter, page: Page },
    /// How many calls.
    Count { filter: Filter, cap: Option<u64> },
    /// A whole list.
    List { kind: Kind, filter: Filter },
    /// A call by row or by id.
    Show {
        rowid: i64,
        id: String,
        reveal: bool,
    },
    /// The overview.
    Overview { filter: Filter },
    /// Calls of a session, or of what the filter selects, as a film.
    Film { filter: Filter },
    /// A call of a film by its row, and what differs in its bodies from another one.
    Compare { now: i64, before: Option<i64> },
    /// A trace.
    Trace {
        question: Question,
        reveal: bool,
        /// Kinds of evidence that are left out.
        without: Vec<&'static str>,
        /// Whose reads are to stand beside the rows.
        suspect: Option<String>,
    },
    /// A call as a command for curl, by its row.
    Curl(i64),
    /// SQL.
    Sql(String),
    /// Names of accounts, APIs and saved filters.
    Names,
    /// Marks.
    Marks,
    /// A change of the investigator's part of the case.
    Write(notebook::Write),
    /// A report to write: on a question, or of what is there.
    Report {
        question: Option<Question>,
        path: std::path::PathBuf,
    },
    /// A drawing of movements to write, in the answer to a question.
    Graph {
        format: &'static str,
        graph: Box<crate::trace::graph::Graph>,
        question: Box<Question>,
        path: std::path::PathBuf,
    },
    /// What a path that was begun can become.
    Paths(String),
    /// A file to write.
    Export {
        format: &'static str,
        filter: Filter,
        text: String,
        path: std::path::PathBuf,
        reveal: bool,
    },
}

impl What {
    /// Which thread answers.
    pub fn lane(&self) -> LaneId {
        match self {
            What::Calls { .. } | What::Show { .. } | What::Compare { .. } => LaneId::Page,
            What::Count { .. }
            | What::List { .. }
            | What::Overview { .. }
            | What::Film { .. }
            | What::Names => LaneId::Aggregate,
            What::Trace { .. }
            | What::Sql(_)
            | What::Curl(_)
            | What::Marks
            | What::Write(_)
            | What::Paths(_)
            | What::Report { .. }
            | What::Graph { .. }
            | What::Export { .. } => LaneId::Work,
        }
    }
}

/// Names for the palette.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Accounts.
    pub accounts: Vec<String>,
    /// APIs.
    pub apis: Vec<String>,
    /// Saved filters: name, text.
    pub saved: Vec<(String, String)>,
    /// Data classes of the case; empty where they are not known yet.
    pub classes: Vec<String>,
}

/// What one application has of the evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppShare {
    /// `http tls dns ...`.
    pub app: String,
    pub flows: u64,
    pub bytes: u64,
    /// Flows that could not be read.
    pub opaque: u64,
    /// Bytes of these.
    pub opaque_bytes: u64,
}

/// What the overview shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OverviewData {
    pub sources: Vec<SourceRow>,
    pub apps: Vec<AppShare>,
    pub minutes: Vec<Bin>,
    pub risks: Vec<RiskRow>,
    pub accounts: Vec<AccountRow>,
    pub apis: Vec<ApiRow>,
    pub n_accounts: u64,
    pub n_apis: u64,
    pub calls: u64,
    /// Calls with a flag, by the flag's name.
    pub flags: Vec<(&'static str, u64)>,
    /// Calls known from logs alone, and captured ones that a log line joined.
    pub logs: (u64, u64),
    /// Reveals in the journal.
    pub reveals: u64,
    /// Title and date of the grading profile; none where levels are the rules' own.
    pub profile: Option<(String, String)>,
    /// Number, examiner.
    pub info: (Option<String>, Option<String>),
    /// A load has not ended, by this program or another.
    pub partial: bool,
    /// What is to be known of the case file itself: others can read it, a part of it cannot be used here.
    pub warnings: Vec<String>,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Rows, and whether the list was cut.
    Rows {
        items: Vec<Item>,
        cut: bool,
    },
    /// The first rows of a search that goes on, and how many bytes of all text are done with.
    Part {
        items: Vec<Item>,
        done: u64,
        all: u64,
    },
    Count {
        n: u64,
        capped: bool,
    },
    Show(Option<Box<Show>>),
    Overview(Box<OverviewData>),
    Film(Box<Timeline>),
    Compared(Option<Box<Show>>, Vec<Changed>),
    Trace(Box<TraceResult>),
    Sql {
        cols: Vec<String>,
        rows: Vec<Vec<String>>,
        cut: bool,
    },
    Names(Box<Names>),
    Marks(Vec<MarkRow>),
    /// Text for the clipboard.
    Copy(String),
    /// What was written, in words.
    Written(String),
    /// What was begun, and what it can become.
    Paths(String, Vec<String>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fail {
    /// There is no case file yet.
    NoCase,
    /// It was cancelled, or a newer question replaced it.
    Cancelled,
    /// It went wrong, in words.
    Failed(String),
}

/// An answer on its way to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub id: u64,
    pub frame: u64,
    pub place: Place,
    /// Microseconds it took.
    pub took_us: u64,
    pub result: Result<Answer, Fail>,
}

/// Something that answers questions; each thread has its own.
pub trait Data {
    /// Answers, or says why not. A call of the handle given to the lane ends it early.
    fn answer(&mut self, what: &What, lane: &lane::LaneState) -> Result<Answer, Fail>;
}
