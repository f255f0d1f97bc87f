//! Calls that a log tells of in two lines: when the request came, and when it was answered. In: calls as a line begins them, and
//! what later lines say. Out: whole calls. Bounds: [`HELD`] calls; one that is not answered within [`LINES`] lines is given as it
//! is.
//!
//! Two requests under one name at a time cannot be told apart: neither is answered by what comes, until both are over.

use super::{LogEvent, LogReader};
use crate::call::model::{LogCall, LogLater, Ts};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Requests that wait for their answers.
const HELD: usize = 4096;
/// Lines between a request and its answer.
const LINES: u64 = 20_000;

/// What a line says of a call that another line is of too.
#[derive(Debug, Clone)]
pub enum Half {
    /// The line begins it, under this name.
    Begun(String),
    /// It tells more of what began under this name.
    More(String, Box<More>),
}

/// What a later line says.
#[derive(Debug, Clone, Default)]
pub struct More {
    pub status: Option<u16>,
    pub sent: Option<u64>,
    pub took: Option<i64>,
    pub end: Option<Ts>,
    pub user: Option<String>,
    pub place: LogLater,
}

#[derive(Debug)]
struct Open {
    line: u64,
    /// How many there are under this name.
    count: u32,
    /// The call, where there is but one.
    call: Option<Box<LogCall>>,
}

/// Calls that can be given, in their order.
pub type Whole = VecDeque<Box<LogCall>>;

/// Requests under way, by name.
#[derive(Debug, Default)]
pub struct Halves {
    open: FxHashMap<String, Open>,
    order: VecDeque<(u64, String)>,
}

impl Halves {
    /// A request; what can be given now, which is one that waited too long or cannot be told from this one.
    fn begin(&mut self, name: String, call: Box<LogCall>) -> Whole {
        let line = call.at.number;
        let mut out = self.late(line);
        if let Some(open) = self.open.get_mut(&name) {
            open.count = open.count.saturating_add(1);
            open.line = line;
            out.extend(open.call.take());
            out.push_back(call);
            self.order.push_back((line, name));
            return out;
        }
        self.order.push_back((line, name.clone()));
        let call = Some(call);
        self.open.insert(
            name,
            Open {
                line,
                count: 1,
                call,
            },
        );
        out
    }

    /// Those that have waited too long for a line of this number.
    fn late(&mut self, line: u64) -> Whole {
        let mut out = Whole::new();
        while let Some((begun, _)) = self.order.front() {
            if begun.saturating_add(LINES) > line && self.order.len() < HELD {
                break;
            }
            let Some((begun, name)) = self.order.pop_front() else {
                break;
            };
            if self.open.get(&name).is_some_and(|o| o.line == begun) {
                let open = self.open.remove(&name);
                out.extend(open.and_then(|o| o.call));
            }
        }
        out
    }

    /// What a later line says: the call that is whole with it.
    fn more(&mut self, name: &str, more: More) -> Option<Box<LogCall>> {
        let open = self.open.get_mut(name)?;
        open.count = open.count.saturating_sub(1);
        let call = open.call.take();
        if open.count == 0 {
            self.open.remove(name);
        }
        let mut call = call?;
        call.status = call.status.or(more.status);
        call.resp_body_len = call.resp_body_len.or(more.sent);
        call.user = call.user.take().or(more.user);
        let end = more.took.and_then(|t| call.ts.checked_add(t));
        call.end_ts = end.or(more.end).filter(|e| *e >= call.ts).or(call.end_ts);
        call.later = Some(more.place);
        Some(call)
    }

    /// All that still wait, in their order.
    fn rest(&mut self) -> Whole {
        self.order.clear();
        let open = std::mem::take(&mut self.open);
        let mut calls: Whole = open.into_values().filter_map(|o| o.call).collect();
        calls
            .make_contiguous()
            .sort_by_key(|c| (c.at.number, c.ord));
        calls
    }
}

/// The name of a request in what a logger writes before its lines: its tags and its process, without the time.
pub fn name(before: &str) -> String {
    let mut out = String::new();
    for word in before.split([' ', '\t']) {
        let tag = word.starts_with('[') && word.ends_with(']');
        let process = word.trim_end_matches([']', ':']);
        let process = process
            .strip_prefix('#')
            .filter(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        if let Some(process) = process {
            out.push_str(process);
        } else if tag {
            out.push_str(word);
        }
    }
    out
}

impl LogReader {
    /// The next call or diag; `None` at the end. Blank lines and comments pass silently.
    #[allow(clippy::should_implement_trait)] // it may have to wait for more, where a `for` loop would spin
    pub fn next(&mut self) -> Option<LogEvent> {
        loop {
            if let Some(call) = self.whole.pop_front() {
                return Some(LogEvent::Call(call));
            }
            let Some(event) = self.step() else {
                self.whole.extend(self.halves.rest());
                if self.whole.is_empty() {
                    return None;
                }
                continue;
            };
            match (event, self.cx.half.take()) {
                (LogEvent::Call(call), Some(Half::Begun(name))) => {
                    self.whole.extend(self.halves.begin(name, call));
                }
                (event @ LogEvent::Diag(..), Some(Half::More(name, more))) => {
                    return Some(match self.halves.more(&name, *more) {
                        Some(call) => LogEvent::Call(call),
                        None => event,
                    });
                }
                (event, _) => return Some(event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: u64) -> Box<LogCall> {
        let mut call = LogCall::default();
        call.at.number = line;
        Box::new(call)
    }

    fn more(status: u16) -> More {
        More {
            status: Some(status),
            took: Some(5),
            ..More::default()
        }
    }

    #[test]
    fn requests_wait_for_their_answers() {
        let mut halves = Halves::default();
        assert!(halves.begin("a".into(), call(1)).is_empty());
        assert!(halves.begin("b".into(), call(2)).is_empty());
        let b = halves.more("b", more(404)).unwrap();
        assert_eq!((b.at.number, b.status, b.end_ts), (2, Some(404), Some(5)));
        assert!(halves.more("b", more(200)).is_none());
        // two under one name are not told apart, and the next one is again
        assert_eq!(halves.begin("a".into(), call(3)).len(), 2);
        assert!(halves.more("a", more(200)).is_none());
        assert!(halves.more("a", more(200)).is_none());
        assert!(halves.begin("a".into(), call(4)).is_empty());
        assert_eq!(halves.more("a", more(201)).unwrap().status, Some(201));
        // no answer comes
        assert!(halves.begin("c".into(), call(5)).is_empty());
        assert_eq!(halves.begin("d".into(), call(6 + LINES)).len(), 1);
        assert_eq!(halves.rest().len(), 1);
        for n in 0..HELD as u64 * 3 {
            halves.begin(n.to_string(), call(n));
        }
        assert!(halves.open.len() <= HELD);
    }

    #[test]
    fn a_name_is_what_stays_the_same() {
        let before = "I, [2026-03-01T02:00:00.000001 #42]  INFO -- : [c6af9ac6] [10.0.0.1]";
        assert_eq!(name(before), "42[c6af9ac6][10.0.0.1]");
        assert_eq!(name("[c6af9ac6]"), "[c6af9ac6]");
        assert_eq!(name(""), "");
    }
}
