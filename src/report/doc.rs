//! A report before it has a format. In: sections as they are composed. Out: blocks that the writers of HTML and Markdown
//! turn into text; evidence in them is plain text that a writer escapes. Bounds: those of the composer.

use crate::trace::graph::Graph;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Span {
    /// Text, evidence perhaps.
    Text(String),
    /// Text that stands out.
    Strong(String),
    /// A call by its id: where it stands is listed at the end of the report.
    Call(String),
}

/// A line of text.
pub type Line = Vec<Span>;

/// A line of one piece.
pub fn line(text: impl Into<String>) -> Line {
    vec![Span::Text(text.into())]
}

/// A time to the millisecond, for tables; the list of places has it whole.
pub fn when(ts: &Option<String>) -> Line {
    line(match ts.as_deref().map(|t| (t.get(..10), t.get(11..23))) {
        Some((Some(day), Some(clock))) => format!("{day} {clock}"),
        Some(_) => ts.clone().unwrap_or_default(),
        None => "-".to_owned(),
    })
}

/// Columns of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Headings; one that begins with `#` is of a column of numbers, one with `@` of times that are not broken.
    pub head: Vec<&'static str>,
    /// Cells.
    pub rows: Vec<Vec<Line>>,
    /// Rows that are not shown.
    pub left_out: u64,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Time of the beginning and of the end, RFC 3339.
    pub span: (String, String),
    /// Name and counts of each row, all of one length.
    pub rows: Vec<(String, Vec<u64>)>,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Heading of a section (1) or a part of one (2).
    Head(u8, String),
    /// A paragraph.
    Para(Line),
    /// Names and what they are.
    Facts(Vec<(&'static str, Line)>),
    /// Points.
    List(Vec<Line>),
    /// A table.
    Table(Table),
    /// Counts over time.
    Bars(Bars),
    /// A picture of movements.
    Graph(Graph),
}

/// A report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// Title.
    pub title: String,
    /// Blocks in order.
    pub blocks: Vec<Block>,
}

impl Document {
    pub(super) fn head(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Head(1, text.into()));
    }
    pub(super) fn part(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Head(2, text.into()));
    }
    pub(super) fn para(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Para(line(text)));
    }
    /// A table, or a paragraph that says why there is none.
    pub(super) fn table(&mut self, table: Table, empty: &str) {
        if table.rows.is_empty() {
            self.para(empty);
        } else {
            self.blocks.push(Block::Table(table));
        }
    }
}
