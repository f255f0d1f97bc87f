//! Themes: what each role looks like at each colour depth. In: TOML files (see `themes/`). Out: one style a role.
//! Bounds: inheritance is followed 16 deep and a circle is an error; a theme without its `[mono]` part is refused.

mod depth;
mod glyphs;
mod parse;

pub use depth::{ColorChoice, Depth, depth};
pub use glyphs::{ASCII, Glyphs, UNICODE, glyphs_for};
pub use parse::{BUILTIN, Parsed, builtin_names, parse};

use crate::error::Result;
use ratatui::style::Style;
use std::path::PathBuf;

macro_rules! roles {
    ($($(#[$doc:meta])* $id:ident = $name:literal),* $(,)?) => {
        /// Meanings that a screen can express; themes give each its look.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($(#[$doc])* $id),* }
        impl Role {
            /// Every role.
            pub const ALL: &'static [Role] = &[$(Role::$id),*];
            /// Its name in theme files.
            pub fn name(self) -> &'static str { match self { $(Role::$id => $name),* } }
        }
    };
}

roles! {
    /// Ordinary text.
    Text = "text",
    /// Second-rank text.
    Dim = "dim",
    /// The one accent.
    Accent = "accent",
    /// Lines round panes.
    Border = "border",
    /// Lines round the pane that has the keys.
    BorderFocus = "border.focus",
    /// Title of a pane.
    Title = "title",
    /// Title of the pane that has the keys.
    TitleFocus = "title.focus",
    /// First line of the screen.
    Header = "header",
    /// The last crumb.
    Crumb = "header.crumb",
    /// Column heads.
    Head = "head",
    /// The selected row.
    Sel = "sel",
    /// The selected row of a pane that does not have the keys.
    SelDim = "sel.dim",
    /// The focused cell in the selected row.
    SelCell = "sel.cell",
    /// Text of the filter bar.
    Filter = "filter",
    /// A filter that does not parse.
    FilterError = "filter.error",
    /// Keys in the last line.
    Key = "key",
    /// What the keys do.
    KeyText = "key.text",
    /// Level S0.
    SensNone = "sens.none",
    /// Level S1.
    SensLow = "sens.low",
    /// Level S2.
    SensMedium = "sens.medium",
    /// Level S3.
    SensHigh = "sens.high",
    /// Level S4.
    SensCritical = "sens.critical",
    /// Answers 1xx to 3xx.
    StatusOk = "status.2xx",
    /// Answers 4xx.
    Status4 = "status.4xx",
    /// Answers 5xx.
    Status5 = "status.5xx",
    /// Bars.
    Bar = "bar",
    /// Sensitive part of bars.
    BarSens = "bar.sens",
    /// Marked rows, notes, tags.
    Mark = "mark",
    /// Text that was searched for.
    Match = "match",
    /// A byte that was not sent to the terminal as it is.
    UnsafeByte = "unsafe-byte",
    /// Numbers that are not final.
    Partial = "partial",
    /// Something to look at.
    Warn = "warn",
    /// Something failed.
    Error = "error",
    /// Something is as it should be.
    Ok = "ok",
    /// Values in clear after a reveal.
    Reveal = "reveal",
    /// Scroll position.
    Scrollbar = "scrollbar",
}

impl Role {
    /// Role of a level's name.
    pub fn level(name: &str) -> Role {
        match name {
            "S4" => Role::SensCritical,
            "S3" => Role::SensHigh,
            "S2" => Role::SensMedium,
            "S1" => Role::SensLow,
            _ => Role::SensNone,
        }
    }
    /// Role of a status.
    pub fn status(n: u16) -> Role {
        match n {
            500.. => Role::Status5,
            400.. => Role::Status4,
            _ => Role::StatusOk,
        }
    }
    /// Role of a severity.
    pub fn severity(name: &str) -> Role {
        match name {
            "critical" => Role::SensCritical,
            "high" => Role::SensHigh,
            "medium" => Role::SensMedium,
            _ => Role::SensLow,
        }
    }
}

/// A theme at one colour depth.
#[derive(Debug, Clone)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// Depth it was made for.
    pub depth: Depth,
    styles: Vec<Style>,
}

impl Theme {
    /// Look of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Loads a theme: a built-in name, a name in `folder`, or the path of a file.
    ///
    /// # Errors
    /// The theme is unknown, does not parse, inherits in a circle, or has no complete `[mono]` part.
    pub fn load(name: &str, folder: Option<PathBuf>, depth: Depth) -> Result<Theme> {
        let chain = parse::chain(name, folder.as_deref())?;
        parse::build(&chain, depth)
    }

    /// The theme that needs nothing of the terminal; used where a wished one cannot be had.
    pub fn plain(depth: Depth) -> Theme {
        Theme::load("ansi16", None, depth).unwrap_or(Theme {
            name: "none".into(),
            depth: Depth::Mono,
            styles: Vec::new(),
        })
    }
}
