//! The table of keys. In: nothing. Out: bindings. Bounds: none.

use super::{Action as A, Binding, Ctx, Key};
use crossterm::event::KeyCode as C;

const fn b(ctx: Ctx, keys: &'static [Key], action: A, help: &'static str) -> Binding {
    Binding { ctx, keys, action, help, hint: None }
}
const fn h(ctx: Ctx, keys: &'static [Key], action: A, help: &'static str, rank: u8, hint: &'static str) -> Binding {
    Binding { ctx, keys, action, help, hint: Some((rank, hint)) }
}
const fn k(c: C) -> Key {
    Key(c, false)
}

/// Every binding.
pub static BINDINGS: &[Binding] = &[
    // Moving
    b(Ctx::Global, &[Key::ch('j'), k(C::Down)], A::Down, "next row"),
    b(Ctx::Global, &[Key::ch('k'), k(C::Up)], A::Up, "previous row"),
    b(Ctx::Global, &[Key::ch('h'), k(C::Left)], A::Left, "column to the left"),
    b(Ctx::Global, &[Key::ch('l'), k(C::Right)], A::Right, "column to the right"),
    b(Ctx::Global, &[Key::ch('g'), k(C::Home)], A::Top, "first row"),
    b(Ctx::Global, &[Key::ch('G'), k(C::End)], A::Bottom, "last row"),
    b(Ctx::Global, &[Key::ctrl('d')], A::HalfDown, "half a page down"),
    b(Ctx::Global, &[Key::ctrl('u')], A::HalfUp, "half a page up"),
    b(Ctx::Global, &[k(C::PageDown)], A::PageDown, "page down"),
    b(Ctx::Global, &[k(C::PageUp), Key::ctrl('b')], A::PageUp, "page up"),
    h(Ctx::Global, &[k(C::Enter)], A::Enter, "open what is under the cursor", 10, "open"),
    h(Ctx::Global, &[Key::ch('q'), k(C::Esc)], A::Back, "back one level; on the first one, q asks to leave", 250, "back"),
    b(Ctx::Global, &[Key::ch('[')], A::HistoryBack, "back in history"),
    b(Ctx::Global, &[Key::ch(']')], A::HistoryForward, "forward in history"),
    b(Ctx::Global, &[Key::ch('1')], A::Screen(1), "Overview"),
    b(Ctx::Global, &[Key::ch('2')], A::Screen(2), "Accounts"),
    b(Ctx::Global, &[Key::ch('3')], A::Screen(3), "APIs"),
    b(Ctx::Global, &[Key::ch('4')], A::Screen(4), "Calls"),
    b(Ctx::Global, &[Key::ch('5')], A::Screen(5), "Sessions"),
    b(Ctx::Global, &[Key::ch('6')], A::Screen(6), "Trace"),
    b(Ctx::Global, &[Key::ch('7')], A::Screen(7), "Marks"),
    h(Ctx::Global, &[k(C::Tab)], A::NextPane, "next pane", 40, "pane"),
    b(Ctx::Global, &[k(C::BackTab)], A::PrevPane, "previous pane"),
    h(Ctx::Global, &[Key::ch('z')], A::Zoom, "one pane over the whole screen, and back", 90, "zoom"),
    // Finding
    h(Ctx::Global, &[Key::ch('/'), k(C::F(7))], A::Filter, "edit the filter; Up recalls earlier ones", 30, "filter"),
    b(Ctx::Global, &[Key::ctrl('t')], A::FilterToggle, "filter off and on again"),
    b(Ctx::Text, &[Key::ctrl('f')], A::Find, "find in this pane"),
    b(Ctx::List, &[Key::ctrl('f')], A::Find, "find in this list"),
    b(Ctx::Global, &[Key::ch('n')], A::FindNext, "next place found"),
    b(Ctx::Global, &[Key::ch('N')], A::FindPrev, "previous place found"),
    h(Ctx::List, &[Key::ch('+'), Key::ch('=')], A::Include, "filter: only rows with the value under the cursor (adds a term)", 35, "with"),
    h(Ctx::List, &[Key::ch('-')], A::Exclude, "filter: no rows with the value under the cursor (adds a term)", 36, "without"),
    b(Ctx::List, &[Key::ch('*')], A::Only, "filter: this value alone (replaces the filter)"),
    h(Ctx::Global, &[Key::ch(':'), Key::ctrl('p')], A::Palette, "palette: commands, screens, APIs, accounts, saved filters", 80, "palette"),
    b(Ctx::Global, &[Key::ch(';')], A::Sql, "read-only SQL on the case"),
    b(Ctx::Global, &[Key::ctrl('c')], A::Cancel, "cancel the running query; twice leaves"),
    // Your work
    h(Ctx::Global, &[Key::ch('m')], A::Mark, "mark, and take the mark off", 60, "mark"),
    b(Ctx::Global, &[Key::ch('M')], A::OnlyMarked, "your marks"),
    b(Ctx::List, &[Key::ch('\'')], A::NextMark, "next mark"),
    b(Ctx::List, &[Key::ch('"')], A::PrevMark, "previous mark"),
    h(Ctx::Global, &[Key::ch('a')], A::Note, "note", 70, "note"),
    b(Ctx::Global, &[Key::ch('#')], A::Tag, "tag"),
    h(Ctx::Global, &[Key::ch('T')], A::Trace, "trace what is under the cursor; elsewhere asks for a value or a clue file", 20, "trace"),
    h(Ctx::Global, &[Key::ch('R')], A::Replay, "replay the session under the cursor", 50, "replay"),
    h(Ctx::Calls, &[Key::ch('r')], A::Reveal, "show values in clear until you leave the call; written to the journal", 55, "reveal"),
    b(Ctx::Global, &[Key::ch('y')], A::Copy, "copy: y value, r row, c curl, f filter, l locator"),
    b(Ctx::Global, &[Key::ch('X')], A::Export, "export"),
    b(Ctx::Global, &[Key::ch('u')], A::Undo, "undo the last mark, note, tag or filter"),
    b(Ctx::Global, &[Key::ctrl('r')], A::Redo, "do it again"),
    // Lists
    b(Ctx::List, &[Key::ch('s')], A::Sort, "sort by the column under the cursor"),
    b(Ctx::List, &[Key::ch('S')], A::SortReverse, "the other way round"),
    // Calls
    b(Ctx::Calls, &[Key::ch('p')], A::Pretty, "body pretty or raw"),
    b(Ctx::Calls, &[Key::ch('x')], A::Hex, "body in hex"),
    b(Ctx::Calls, &[Key::ch('{')], A::PrevRecord, "previous record"),
    b(Ctx::Calls, &[Key::ch('}')], A::NextRecord, "next record"),
    b(Ctx::Calls, &[Key::ch('e')], A::NextSensitive, "next sensitive call, or value in a body"),
    b(Ctx::Calls, &[Key::ch('E')], A::PrevSensitive, "previous sensitive one"),
    b(Ctx::Text, &[Key::ch('w')], A::Wrap, "wrap long lines"),
    b(Ctx::Global, &[Key::ch('t')], A::TimeMode, "time of day or date and time"),
    // Replay
    h(Ctx::Replay, &[Key::ch(' ')], A::Play, "play and pause", 5, "play"),
    h(Ctx::Replay, &[Key::ch('.')], A::Step, "one step on", 6, "step"),
    h(Ctx::Replay, &[Key::ch(',')], A::StepBack, "one step back", 7, "back step"),
    h(Ctx::Replay, &[Key::ch('>')], A::Faster, "faster", 8, "faster"),
    h(Ctx::Replay, &[Key::ch('<')], A::Slower, "slower", 9, "slower"),
    h(Ctx::Replay, &[Key::ch('e')], A::NextSensitive, "next step with sensitive records", 11, "next sensitive"),
    b(Ctx::Replay, &[Key::ch('E')], A::PrevSensitive, "previous step with sensitive records"),
    h(Ctx::Replay, &[Key::ch('t')], A::TimeMode, "times: of day, gaps, since the start", 45, "times"),
    // Always
    h(Ctx::Global, &[Key::ch('?')], A::Why, "why the fact under the cursor holds; again for this help", 100, "why/help"),
    b(Ctx::Global, &[k(C::F(1))], A::Help, "this help"),
    b(Ctx::Global, &[k(C::F(2))], A::Mouse, "mouse on and off"),
    b(Ctx::Global, &[Key::ctrl('l')], A::Redraw, "draw again"),
    b(Ctx::Global, &[Key::ctrl('z')], A::Suspend, "to the shell; fg comes back"),
];
