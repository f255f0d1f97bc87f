//! Takes the terminal and gives it back whatever happens: return, error, panic, signal. In: nothing. Out: a guard.
//! Bounds: giving back is done at most once for each taking.

use crossterm::{cursor, event, execute, terminal};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static TAKEN: AtomicBool = AtomicBool::new(false);
static MOUSE: AtomicBool = AtomicBool::new(false);

/// Raw mode and the other screen, until it is dropped.
pub struct Guard(());

impl Guard {
    /// Takes the terminal. From here on a panic on this thread gives it back before it says what happened.
    ///
    /// # Errors
    /// Standard output is no terminal, or it refuses raw mode.
    pub fn enter() -> io::Result<Guard> {
        install_hook();
        take()?;
        Ok(Guard(()))
    }

    /// Gives the terminal back, stops this process, and takes it again when it goes on.
    ///
    /// # Errors
    /// The terminal cannot be taken again.
    pub fn suspend(&self) -> io::Result<()> {
        give_back();
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGTSTP);
        take()
    }

    /// Switches reports of the mouse.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub fn mouse(&self, on: bool) -> io::Result<()> {
        MOUSE.store(on, Ordering::SeqCst);
        if on {
            execute!(io::stdout(), event::EnableMouseCapture)
        } else {
            execute!(io::stdout(), event::DisableMouseCapture)
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(
        io::stdout(),
        terminal::EnterAlternateScreen,
        event::EnableBracketedPaste,
        cursor::Hide,
        terminal::Clear(terminal::ClearType::All)
    )?;
    if MOUSE.load(Ordering::SeqCst) {
        execute!(io::stdout(), event::EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back where it was taken.
pub fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut o = io::stdout();
    let _ = execute!(
        o,
        terminal::EndSynchronizedUpdate,
        event::DisableMouseCapture,
        event::DisableBracketedPaste,
        terminal::LeaveAlternateScreen,
        cursor::Show
    );
    // After leaving, so that attributes of the last frame do not colour the shell.
    let _ = o.write_all(b"\x1b[0m");
    let _ = o.flush();
    let _ = terminal::disable_raw_mode();
}

/// A panic message may quote evidence, so it is shown made safe, and only after the terminal is back.
fn install_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let ui = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == ui {
                give_back();
            } else if TAKEN.load(Ordering::SeqCst) {
                // A worker's panic is reported by its caller; text in the middle of a frame would help nobody.
                return;
            }
            let text = info.to_string();
            crate::tell!(
                "leaktrace: internal error: {}",
                crate::call::text::visible(&text)
            );
        }));
    });
}
