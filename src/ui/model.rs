//! All that the interface knows. In: nothing. Out: plain data that `update` changes and views read.
//! Bounds: lists hold what is on screen and a few pages round it; histories are bounded.

use super::data::{Item, Kind, MarkRow, Names, OverviewData};
use super::effect::Effect;
use super::msg::LoadSnap;
use super::nav::input::Input;
use super::nav::{Asked, ScreenId};
use super::theme::{Glyphs, Theme};
use super::widget::doc::{Doc, DocPos};
use super::widget::safe_text::SafeText;
use super::widget::table::{Cell, Col};
use crate::query::read::Show;
use crate::replay::{Clock, TimeMode, Timeline};
use crate::trace::{Question, TraceResult};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

/// A number of rows, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Total {
    /// Not counted yet.
    #[default]
    Unknown,
    /// Counted.
    Exact(u64),
    /// Counting stopped here.
    AtLeast(u64),
}

/// How a read stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing asked yet.
    #[default]
    Empty,
    /// Asked.
    Loading,
    /// There is no case file yet.
    NoCase,
    /// Here it is.
    Ready,
    /// It went wrong, in words.
    Failed(String),
    /// The user stopped it.
    Cancelled,
}

/// A row with its cells.
#[derive(Debug, Clone, PartialEq)]
pub struct RowView {
    /// Cells by column.
    pub cells: Vec<Cell>,
    /// What it is.
    pub item: Item,
}

/// A list and where the reader stands in it.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Columns.
    pub cols: &'static [Col],
    /// Columns that only this list has (SQL).
    pub own_cols: Vec<Col>,
    /// Their headings.
    pub titles: Vec<SafeText>,
    /// Rows at hand.
    pub rows: Vec<RowView>,
    /// Cursor in `rows`.
    pub cursor: usize,
    /// First visible row.
    pub top: usize,
    /// Column of the cursor.
    pub col: usize,
    /// Sorted column and direction; `None` for the order of the case.
    pub sort: Option<(usize, bool)>,
    /// Rows of the list before `rows`.
    pub base: u64,
    /// Whether there are rows before and behind.
    pub more: (bool, bool),
    /// How many rows there are in all.
    pub total: Total,
    /// How reading stands.
    pub state: State,
    /// Microseconds the last read took.
    pub took_us: u64,
    /// Bytes of text that a search is done with, and of all: the rows are those that it has found so far.
    pub part: Option<(u64, u64)>,
    /// Where the cursor should land when rows arrive: by identity.
    pub keep: Option<String>,
}

impl List {
    /// Columns in use.
    pub fn columns(&self) -> &[Col] {
        if self.own_cols.is_empty() {
            self.cols
        } else {
            &self.own_cols
        }
    }
    /// Row under the cursor.
    pub fn here(&self) -> Option<&RowView> {
        self.rows.get(self.cursor)
    }
    /// Moves the cursor and keeps it visible; at an edge the page moves by half, for that costs the terminal least.
    pub fn go(&mut self, to: usize, height: usize) {
        let h = height.max(1);
        self.cursor = to.min(self.rows.len().saturating_sub(1));
        if self.cursor < self.top {
            self.top = self.cursor.saturating_sub(h / 2);
        } else if self.cursor >= self.top + h {
            self.top = (self.cursor + 1).saturating_sub(h.div_ceil(2));
        }
        self.top = self.top.min(self.rows.len().saturating_sub(h));
        if self.cursor >= self.top + h {
            self.top = self.cursor + 1 - h;
        }
    }
}

/// What a frame holds beside its list.
#[derive(Debug, Clone, Default)]
pub enum Extra {
    /// Nothing.
    #[default]
    None,
    /// A call.
    Call {
        /// Id.
        id: String,
    },
    /// A session.
    Replay(Box<Film>),
    /// A trace.
    Trace(Box<TraceView>),
    /// A statement.
    Sql(String),
    /// Leaked rows beside the reads of one account.
    Reads(Box<ReadsView>),
}

/// Leaked rows beside the reads of one account.
#[derive(Debug, Clone)]
pub struct ReadsView {
    /// What is asked.
    pub asked: Asked,
    /// Rows read, rows in all, rows that are not listed.
    pub count: (u64, u64, u64),
}

/// A session on its ladder.
#[derive(Debug, Clone, Default)]
pub struct Film {
    /// Session.
    pub session: String,
    /// Its steps.
    pub film: Option<Timeline>,
    /// Place of each host on the ladder: those that only ask stand left.
    pub order: Vec<usize>,
    /// Position.
    pub clock: Clock,
    /// How times are shown.
    pub mode: TimeMode,
    /// Step on show. Steps of one instant share a position, so the position alone does not tell.
    pub at: usize,
    /// First visible step.
    pub top: usize,
    /// What differs in the bodies of the frame's call from the one before of its API.
    pub changed: Vec<crate::query::read::compare::Changed>,
    /// Timers of an earlier play do not count.
    pub seq: u64,
    /// How reading stands.
    pub state: State,
}

/// A trace.
#[derive(Debug, Clone, Default)]
pub struct TraceView {
    /// What was asked.
    pub question: Option<Question>,
    /// The answer.
    pub result: Option<TraceResult>,
    /// Trail on show.
    pub trail: usize,
    /// The list shows hops, not suspects.
    pub hops: bool,
    /// Kinds of evidence that are left out.
    pub without: Vec<&'static str>,
    /// The ways of all records are drawn as one, not those of one.
    pub whole: bool,
    /// Branches of the drawing that are folded.
    pub folded: std::collections::BTreeSet<String>,
    /// How it stands.
    pub state: State,
    /// It was answered while a load went on.
    pub partial: bool,
}

/// How bodies are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyMode {
    /// Indented where it is JSON.
    #[default]
    Pretty,
    /// As it came.
    Raw,
    /// Bytes.
    Hex,
}

/// One place in the stack of places.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Answers name it.
    pub id: u64,
    /// Screen.
    pub screen: ScreenId,
    /// Crumb.
    pub title: String,
    /// Term that this frame put into the filter.
    pub added: Option<String>,
    /// Filter its rows were read with.
    pub filter: String,
    /// List.
    pub list: List,
    /// Panes of text.
    pub docs: Vec<Doc>,
    /// Where the reader stands in each.
    pub pos: Vec<DocPos>,
    /// Pane with the keys: 0 is the list, then the documents.
    pub focus: usize,
    /// Whether that pane has the whole screen.
    pub zoom: bool,
    /// What is being waited for.
    pub pending: BTreeMap<super::data::Place, u64>,
    /// Call under the cursor, read.
    pub show: Option<Box<Show>>,
    /// Why the call could not be read.
    pub show_state: State,
    /// Rows for a pane beside the list.
    pub side: Vec<Item>,
    /// Whose they are.
    pub side_of: String,
    /// More.
    pub extra: Extra,
    /// Number of the last move of the cursor.
    pub rest: u64,
    /// Text searched for in the pane.
    pub find: String,
}

/// What lies over the screen.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// Keys, or why a fact holds: a text to scroll.
    Text(Box<Doc>, DocPos, bool),
    /// Choices by one key.
    Menu(MenuKind, Vec<(char, String)>),
    /// A line to type.
    Prompt(PromptKind, Input, Option<String>),
    /// Names to choose from.
    Palette {
        /// What was typed.
        input: Input,
        /// Best candidates.
        hits: Vec<usize>,
        /// Chosen one.
        at: usize,
    },
}

/// Menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuKind {
    /// `y`.
    Copy,
    /// `X`.
    Export,
    /// `C` on an API.
    Correct,
    /// `C` on a finding, by its place among those of its line.
    Finding(u8),
    /// Leave?
    Quit,
}

/// Lines to type.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptKind {
    /// A note on a target.
    Note(String),
    /// A tag on a target.
    Tag(String),
    /// Name of an account, or of the one that it is.
    Account(String),
    /// Search in a pane.
    Find,
    /// SQL.
    Sql,
    /// A value, a record, or a clue file.
    Trace,
    /// Path of a file to write.
    Export(&'static str, bool, String),
    /// Path of a drawing to write, in a format: of all ways, or of the one on show.
    Graph(&'static str, bool),
    /// The class that a finding's field holds instead.
    Class(super::widget::doc::Held),
    /// Path of a report to write, about this.
    Report(Option<Question>),
    /// Name for the filter.
    Save,
    /// Values of an API's parameter to set apart.
    Split(String),
    /// Another name of an API.
    Rename(String),
    /// Files of rules to search again with.
    Rules,
    /// A file with a specification of APIs.
    Spec,
}

/// An entry of the palette.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Shown and matched.
    pub text: String,
    /// What it does.
    pub run: Run,
}

/// What an entry of the palette does.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// As the key would.
    Act(super::keys::Action),
    /// A jump.
    Go(super::nav::Jump),
    /// Sets the filter.
    Filter(String),
    /// Another theme.
    Theme(String),
    /// Keep the filter.
    Save,
    /// Grade by another profile.
    Grade(String),
    /// Search again with edited rules.
    Rules,
    /// Keep a specification.
    Spec,
    /// Ask what to trace, with the kind of subject typed already.
    Subject(&'static str),
    /// Leave a kind of evidence out of the trace on show, or count it again.
    Evidence(&'static str),
}

/// The filter and its line.
#[derive(Debug, Clone, Default)]
pub struct FilterBar {
    /// What is applied.
    pub applied: String,
    /// Set aside by Ctrl-t.
    pub off: bool,
    /// The line while it is edited, and what was applied before.
    pub edit: Option<(Input, String)>,
    /// Why what is typed does not parse, and at which byte.
    pub error: Option<(String, usize)>,
    /// Earlier filters, newest last.
    pub history: Vec<String>,
    /// Position in it.
    pub at: usize,
    /// Timers of earlier keys do not count.
    pub seq: u64,
    /// Completions for the word under the cursor.
    pub offers: Vec<String>,
}

impl FilterBar {
    /// What rows are selected by.
    pub fn now(&self) -> &str {
        if self.off { "" } else { &self.applied }
    }
}

/// A change that can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Filter before and after.
    Filter(String, String),
    /// Something written into the case, and the question by which that was asked for last.
    Wrote(super::data::notebook::Write, u64),
}

/// A place to come back to.
#[derive(Debug, Clone, PartialEq)]
pub struct Seed {
    /// Screen, crumb, added term, call or session or question.
    pub screen: ScreenId,
    pub title: String,
    pub added: Option<String>,
    pub subject: Subject,
}

/// What a seed grows.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Subject {
    #[default]
    None,
    Call(String),
    Session(String),
    Question(Option<Question>),
    Sql(String),
    Reads(Box<Asked>),
}

/// Everything.
#[derive(Clone)]
pub struct Model {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Looks.
    pub theme: Rc<Theme>,
    /// Symbols.
    pub glyphs: &'static Glyphs,
    /// Name of the case.
    pub case: SafeText,
    /// Its file.
    pub case_path: PathBuf,
    /// Where the reader is, outermost first; never empty.
    pub frames: Vec<Frame>,
    /// Places before and after this one.
    pub back: Vec<(Vec<Seed>, String)>,
    pub forward: Vec<(Vec<Seed>, String)>,
    /// Filter.
    pub filter: FilterBar,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// One line about what just happened, and whether it is bad news.
    pub status: Option<(SafeText, bool)>,
    /// The load.
    pub load: LoadSnap,
    /// Generation of the load that is on screen.
    pub seen_generation: u64,
    /// A refresh has been asked for and waits.
    pub refresh_waits: bool,
    /// The overview.
    pub overview: Option<Box<OverviewData>>,
    /// Marks by target.
    pub marks: BTreeMap<String, MarkRow>,
    /// Names for the palette.
    pub names: Names,
    /// Entries of the palette while it is open.
    pub commands: Vec<Command>,
    /// Takes back and does again.
    pub undo: Vec<Change>,
    pub redo: Vec<Change>,
    /// Dates beside times of day.
    pub dates: bool,
    /// Whether the reader chose so; else a case of more than a day shows them.
    pub dates_chosen: bool,
    /// How bodies are shown.
    pub body: BodyMode,
    /// Long lines are broken.
    pub wrap: bool,
    /// The call whose values are shown in clear.
    pub revealed: Option<String>,
    /// Mouse reports.
    pub mouse: bool,
    /// A first Ctrl-c was pressed.
    pub armed: u64,
    /// Whether the second one leaves.
    pub arm: bool,
    /// Last question, frame, timer.
    pub seq: u64,
    /// A correction was written: when it is answered, all on screen is read again.
    pub corrected: bool,
    /// Lines of find, note and other prompts that were typed.
    pub typed: Vec<String>,
    /// Paths that were offered for a typed one, and what was typed then.
    pub offered: (String, Vec<String>),
    /// Status to leave with; set once.
    pub ended: Option<i32>,
    /// Orders to the main loop.
    pub outbox: Vec<Effect>,
    /// Whether the screen must be drawn again.
    pub dirty: bool,
    /// Folder of the user's themes.
    pub theme_folder: Option<PathBuf>,
    /// Files of rules in force, blanks between.
    pub rules: String,
}

impl Model {
    /// Whether a load into the case has not ended that is none of this interface: one that was killed, or another program's.
    pub fn cut_off(&self) -> bool {
        !self.load.running() && self.overview.as_ref().is_some_and(|o| o.partial)
    }
    /// Whether what is known of the case is not all there will be: a load goes on, or one was cut off.
    pub fn unended(&self) -> bool {
        self.load.running() || self.cut_off()
    }
    /// The innermost frame.
    pub fn top(&self) -> Option<&Frame> {
        self.frames.last()
    }
    /// A number that was not used before.
    pub fn fresh(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }
    /// Says something in the status line.
    pub fn say(&mut self, text: impl Into<SafeText>) {
        self.status = Some((text.into(), false));
    }
    /// Says what went wrong.
    pub fn warn(&mut self, text: impl Into<SafeText>) {
        self.status = Some((text.into(), true));
    }
    /// What was put on a target.
    pub fn mark_of(&self, target: &str) -> Option<&MarkRow> {
        self.marks.get(target)
    }
}

/// Kind of list of a screen.
pub fn kind_of(screen: ScreenId) -> Option<Kind> {
    Some(match screen {
        ScreenId::Accounts => Kind::Accounts,
        ScreenId::Apis => Kind::Apis,
        ScreenId::Calls => Kind::Calls,
        ScreenId::Sessions => Kind::Sessions,
        ScreenId::Marks => Kind::Marks,
        ScreenId::Findings => Kind::Findings,
        ScreenId::Risks | ScreenId::Overview => Kind::Risks,
        ScreenId::Flows => Kind::Flows,
        ScreenId::Sources => Kind::Sources,
        ScreenId::Trace => Kind::Suspects,
        ScreenId::Sql => Kind::Sql,
        ScreenId::Reads => Kind::Reads,
        ScreenId::Call | ScreenId::Replay => return None,
    })
}
