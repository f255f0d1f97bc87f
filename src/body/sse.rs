//! Server-sent events (`text/event-stream`, HTML standard section 9.2). In: content, also cut. Out: events with the places of
//! their lines. Bounds: linear; [`LINES`] data lines of one event.

use std::ops::Range;

/// Data lines of one event that are told apart; the rest belong to no event and are counted by nobody but seen as text.
const LINES: usize = 10_000;

/// One event; ranges are in the content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Type, empty where none was sent.
    pub event: Range<usize>,
    /// Id.
    pub id: Range<usize>,
    /// Data, a range a line.
    pub data: Vec<Range<usize>>,
    /// All its lines.
    pub whole: Range<usize>,
}

impl Event {
    /// Its data as the client sees it, lines joined by line feeds; and where each line begins in it and in the content.
    pub fn text(&self, content: &[u8]) -> (Vec<u8>, Vec<(usize, usize)>) {
        let (mut out, mut places) = (Vec::new(), Vec::new());
        for r in &self.data {
            if !places.is_empty() {
                out.push(b'\n');
            }
            places.push((out.len(), r.start));
            out.extend_from_slice(content.get(r.clone()).unwrap_or_default());
        }
        (out, places)
    }
}

/// Events in order; one without data is none. The last may be cut.
pub fn events(content: &[u8]) -> Events<'_> {
    Events {
        content,
        at: content.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3),
    }
}

/// See [`events`].
pub struct Events<'a> {
    content: &'a [u8],
    at: usize,
}

impl Events<'_> {
    /// The line at `at` without its end; moves behind it.
    fn line(&mut self) -> Option<Range<usize>> {
        let rest = self.content.get(self.at..).filter(|r| !r.is_empty())?;
        let n = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = self.at..self.at + n;
        self.at += n;
        self.at += match self.content.get(self.at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([_, ..]) => 1,
            _ => 0,
        };
        Some(line)
    }
}

impl Iterator for Events<'_> {
    type Item = Event;
    fn next(&mut self) -> Option<Event> {
        let mut e = Event {
            whole: self.at..self.at,
            ..Event::default()
        };
        loop {
            let Some(line) = self.line() else {
                return (!e.data.is_empty()).then_some(e);
            };
            if line.is_empty() {
                if !e.data.is_empty() {
                    return Some(e);
                }
                e = Event {
                    whole: self.at..self.at,
                    ..Event::default()
                };
                continue;
            }
            e.whole.end = line.end;
            let text = self.content.get(line.clone()).unwrap_or_default();
            let colon = memchr::memchr(b':', text).unwrap_or(text.len());
            let (name, value) = text.split_at(colon);
            let skip = match value {
                [b':', b' ', ..] => 2,
                [b':', ..] => 1,
                _ => 0,
            };
            let value = line.start + colon + skip..line.end;
            match name {
                b"data" if e.data.len() < LINES => e.data.push(value),
                b"event" => e.event = value,
                b"id" => e.id = value,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_as_servers_write_them() {
        let c = b"\xef\xbb\xbf: hi\n\nevent: add\r\nid: 7\r\ndata: {\"a\":\r\ndata:1}\r\n\r\ndata\n\nretry: 5\n\ndata: x\rdata:  y\r\rdata: cut";
        let got: Vec<(String, String)> = events(c)
            .map(|e| {
                (
                    String::from_utf8_lossy(&c[e.event.clone()]).into_owned(),
                    String::from_utf8_lossy(&e.text(c).0).into_owned(),
                )
            })
            .collect();
        let want = [("add", "{\"a\":\n1}"), ("", ""), ("", "x\n y"), ("", "cut")];
        assert_eq!(got, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let e = events(c).next().unwrap();
        let (text, places) = e.text(c);
        assert_eq!(places.len(), 2);
        for (d, r) in places {
            assert_eq!(text[d], c[r]);
        }
    }
}
