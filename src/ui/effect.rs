//! What the model wants done outside. In: nothing. Out: orders to the main loop. Bounds: none.

use super::data::Ask;
use super::msg::Timer;

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask a data thread.
    Ask(Box<Ask>),
    /// Forget what a frame asked.
    DropFrame(u64),
    /// Stop what is being read.
    Cancel,
    /// A timer, in milliseconds.
    After(u64, Timer),
    /// Send to the terminal's clipboard.
    Copy(String),
    /// Reports of the mouse.
    Mouse(bool),
    /// To the shell.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Leave with this status.
    Quit(i32),
}
