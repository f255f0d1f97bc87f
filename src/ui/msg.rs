//! What happens to the interface. In: keys, answers, timers. Out: nothing. Bounds: none.

use super::data::Reply;
use crossterm::event::{KeyEvent, MouseEvent};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// The mouse.
    Mouse(MouseEvent),
    /// The terminal has this size now.
    Resize(u16, u16),
    /// An answer.
    Reply(Reply),
    /// Where the load stands.
    Load(LoadSnap),
    /// A timer that was asked for has run out.
    Timer(Timer),
    /// The program must end with this status.
    End(i32),
}

/// Timers; those with a number count only while the model still has that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The filter that is being typed may be applied.
    Filter(u64),
    /// The cursor rests: what is under it may be read.
    Rest(u64),
    /// The film goes on.
    Play(u64),
    /// A second Ctrl-c no longer leaves.
    Disarm(u64),
    /// Facts may be read again while a load runs.
    Refresh,
}

/// Files that could not be loaded, as far as a screen names them.
pub const TROUBLES: usize = 200;

/// Where a load stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadSnap {
    /// Bytes read and in all.
    pub read: u64,
    /// 0 while unknown.
    pub total: u64,
    /// Packets and lines.
    pub units: u64,
    /// Calls written.
    pub calls: u64,
    /// Raised after each commit.
    pub generation: u64,
    /// 0 reading, 1 deciding facts, 2 finished.
    pub phase: u64,
    /// Bytes a second, smoothed.
    pub rate: u64,
    /// Why it failed, or what was skipped.
    pub trouble: Option<String>,
    /// What could not be loaded, each with its reason; at most [`TROUBLES`] of them.
    pub troubles: Vec<String>,
    /// Whether there is a load at all.
    pub any: bool,
    /// It goes on with what grows until the interface is left.
    pub follow: bool,
}

impl LoadSnap {
    /// Whether numbers may still grow.
    pub fn running(&self) -> bool {
        self.any && self.phase < 2
    }
    /// Share that was read.
    pub fn percent(&self) -> Option<u64> {
        (self.total > 0).then(|| (self.read.min(self.total) * 100) / self.total)
    }
}
