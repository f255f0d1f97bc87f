//! Keys as data: one table from which dispatch, help and the last line of the screen derive.
//! In: a key and what is on screen. Out: an action. Bounds: no binding needs more than a plain terminal sends.

mod bindings;

pub use bindings::BINDINGS;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ctx {
    /// The overview.
    Overview,
    /// A list of accounts, APIs, sessions ...
    List,
    /// A list of calls, and one call.
    Calls,
    /// A session on its ladder.
    Replay,
    /// A trace.
    Trace,
    /// Panes of text.
    Text,
    /// Everywhere.
    Global,
}

impl Ctx {
    /// Heading in the help.
    pub fn title(self) -> &'static str {
        match self {
            Ctx::Overview => "Overview",
            Ctx::List => "Lists",
            Ctx::Calls => "Calls",
            Ctx::Replay => "Replay",
            Ctx::Trace => "Trace",
            Ctx::Text => "Panes of text",
            Ctx::Global => "Everywhere",
        }
    }
    /// Where that is, in a sentence.
    pub fn place(self) -> &'static str {
        match self {
            Ctx::Overview => "the Overview",
            Ctx::List => "lists",
            Ctx::Calls => "calls (4)",
            Ctx::Replay => "a replay (R)",
            Ctx::Trace => "a trace (6)",
            Ctx::Text => "panes of text (Tab)",
            Ctx::Global => "every screen",
        }
    }
    /// All.
    pub const ALL: [Ctx; 7] = [
        Ctx::Global,
        Ctx::Overview,
        Ctx::List,
        Ctx::Calls,
        Ctx::Text,
        Ctx::Replay,
        Ctx::Trace,
    ];
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Up,
    Down,
    Left,
    Right,
    Top,
    Bottom,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    Enter,
    Back,
    HistoryBack,
    HistoryForward,
    Screen(u8),
    NextPane,
    PrevPane,
    Zoom,
    Filter,
    Correct,
    FilterToggle,
    Find,
    FindNext,
    FindPrev,
    Include,
    Exclude,
    Only,
    Palette,
    Sql,
    Mark,
    OnlyMarked,
    NextMark,
    PrevMark,
    Note,
    Tag,
    IsAccount,
    NotAccount,
    NextRecord,
    PrevRecord,
    Whole,
    Fold,
    NextSensitive,
    PrevSensitive,
    TimeMode,
    Pretty,
    Wrap,
    Hex,
    Trace,
    Reads,
    Replay,
    Reveal,
    Copy,
    Export,
    /// Write a report.
    Report,
    Sort,
    SortReverse,
    Why,
    Help,
    Mouse,
    Redraw,
    Suspend,
    Cancel,
    Undo,
    Redo,
    Play,
    Step,
    StepBack,
    Faster,
    Slower,
    /// Long gaps folded or not.
    FoldGaps,
}

/// A key: code and modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub KeyCode, pub bool);

impl Key {
    /// A character.
    pub const fn ch(c: char) -> Key {
        Key(KeyCode::Char(c), false)
    }
    /// With Ctrl.
    pub const fn ctrl(c: char) -> Key {
        Key(KeyCode::Char(c), true)
    }
    /// Whether the event is this key. Shift is part of the character already.
    pub fn is(self, e: &KeyEvent) -> bool {
        self.0 == e.code
            && self.1 == e.modifiers.contains(KeyModifiers::CONTROL)
            && !e.modifiers.contains(KeyModifiers::ALT)
    }
    /// As it is written in help.
    pub fn name(self) -> String {
        let base = match self.0 {
            KeyCode::Char(' ') => "Space".into(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Enter => "Enter".into(),
            KeyCode::Esc => "Esc".into(),
            KeyCode::Tab => "Tab".into(),
            KeyCode::BackTab => "S-Tab".into(),
            KeyCode::Up => "Up".into(),
            KeyCode::Down => "Down".into(),
            KeyCode::Left => "Left".into(),
            KeyCode::Right => "Right".into(),
            KeyCode::Home => "Home".into(),
            KeyCode::End => "End".into(),
            KeyCode::PageUp => "PgUp".into(),
            KeyCode::PageDown => "PgDn".into(),
            KeyCode::F(n) => format!("F{n}"),
            _ => "?".into(),
        };
        if self.1 { format!("Ctrl-{base}") } else { base }
    }
}

/// One line of the table.
pub struct Binding {
    /// Where it holds.
    pub ctx: Ctx,
    /// Keys, the first one is shown.
    pub keys: &'static [Key],
    /// What is done.
    pub action: Action,
    /// For the help.
    pub help: &'static str,
    /// For the last line, where there is room: lower comes first.
    pub hint: Option<(u8, &'static str)>,
}

/// Action of a key where these contexts hold, inner first.
pub fn lookup(ctxs: &[Ctx], e: &KeyEvent) -> Option<Action> {
    ctxs.iter().find_map(|c| {
        BINDINGS
            .iter()
            .find(|b| b.ctx == *c && b.keys.iter().any(|k| k.is(e)))
            .map(|b| b.action)
    })
}

/// What a key does in other places, and which: for who presses it where it does nothing.
pub fn elsewhere(e: &KeyEvent) -> Option<(&'static str, String)> {
    let mut found = BINDINGS.iter().filter(|b| b.keys.iter().any(|k| k.is(e)));
    let first = found.next()?;
    let mut places = vec![first.ctx.place()];
    places.extend(found.map(|b| b.ctx.place()));
    places.dedup();
    Some((first.help, places.join(" and ")))
}

/// What the last line offers, most useful first; a key that an inner context takes over is left out.
pub fn hints(ctxs: &[Ctx]) -> Vec<(String, &'static str)> {
    let mut out: Vec<(u8, String, &'static str)> = Vec::new();
    for (i, c) in ctxs.iter().enumerate() {
        for b in BINDINGS.iter().filter(|b| b.ctx == *c) {
            let Some((rank, text)) = b.hint else { continue };
            // a film is no way to itself
            if b.action == Action::Replay && ctxs.contains(&Ctx::Replay) {
                continue;
            }
            let Some(key) = b.keys.first() else { continue };
            let taken = ctxs.iter().take(i).any(|inner| {
                BINDINGS
                    .iter()
                    .any(|o| o.ctx == *inner && o.keys.contains(key))
            });
            if !taken && !out.iter().any(|(_, k, _)| *k == key.name()) {
                out.push((rank, key.name(), text));
            }
        }
    }
    out.sort_by_key(|(r, _, _)| *r);
    out.into_iter().map(|(_, k, t)| (k, t)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_read_whole_at_eighty_columns() {
        for b in BINDINGS {
            assert!(b.help.chars().count() <= 58, "{}", b.help);
        }
    }

    #[test]
    fn no_key_is_bound_twice_in_one_context() {
        for (i, a) in BINDINGS.iter().enumerate() {
            for b in BINDINGS.iter().skip(i + 1).filter(|b| b.ctx == a.ctx) {
                for k in a.keys {
                    assert!(
                        !b.keys.contains(k),
                        "{} twice: {} / {}",
                        k.name(),
                        a.help,
                        b.help
                    );
                }
            }
        }
    }

    #[test]
    fn no_binding_needs_more_than_a_plain_terminal_sends() {
        for b in BINDINGS {
            for k in b.keys {
                assert!(
                    !(k.1 && matches!(k.0, KeyCode::Char('i' | 'm' | '['))),
                    "{}",
                    b.help
                );
            }
        }
    }

    #[test]
    fn inner_contexts_win() {
        let e = KeyEvent::new(KeyCode::Char('>'), KeyModifiers::NONE);
        assert_eq!(
            lookup(&[Ctx::Replay, Ctx::List, Ctx::Global], &e),
            Some(Action::Faster)
        );
        let e = KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL);
        assert_eq!(lookup(&[Ctx::List, Ctx::Global], &e), Some(Action::Redo));
    }
}
