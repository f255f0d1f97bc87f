//! HTTP/2 made to cost, in the style of bytes_slow: time grows with the size of the input, memory stays bounded. Slow, so run with
//! `CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo test -- --ignored http2_slow::`.

use crate::bytes_slow::{grows_linearly, header, packet};
use crate::support::h2::*;
use std::io::Write;

/// One connection: pieces of the client (`false`) and of the server, in packets of at most `cut` bytes.
struct Line<'a> {
    out: &'a mut dyn Write,
    number: u64,
    next: [u32; 2],
    cut: usize,
}

impl<'a> Line<'a> {
    fn new(out: &'a mut dyn Write) -> Line<'a> {
        header(out);
        packet(out, 0, 7, 40_000, false, 0, 0, 2, b"");
        packet(out, 1, 7, 40_000, true, 0, 1, 18, b"");
        let mut l = Line {
            out,
            number: 2,
            next: [1, 1],
            cut: 16_000,
        };
        l.send(false, &client());
        l.send(true, &server());
        l
    }
    fn send(&mut self, server: bool, bytes: &[u8]) {
        let (me, other) = (usize::from(server), usize::from(!server));
        for piece in bytes.chunks(self.cut) {
            self.number += 1;
            packet(
                self.out,
                self.number * 5,
                7,
                40_000,
                server,
                self.next[me],
                self.next[other],
                24,
                piece,
            );
            self.next[me] = self.next[me].wrapping_add(piece.len() as u32);
        }
    }
    /// Many frames in few packets.
    fn all(&mut self, server: bool, frames: impl Iterator<Item = Vec<u8>>) {
        let mut held = Vec::new();
        for f in frames {
            held.extend(f);
            if held.len() > 14_000 {
                self.send(server, &held);
                held.clear();
            }
        }
        self.send(server, &held);
    }
    /// Bytes that were not captured.
    fn skip(&mut self, server: bool, n: u32) {
        let me = usize::from(server);
        self.next[me] = self.next[me].wrapping_add(n);
    }
}

fn id(n: usize) -> u32 {
    1 + 2 * n as u32
}

#[test]
#[ignore = "slow"]
fn streams() {
    // requests that are never answered, and bodies that go round among all that are open
    grows_linearly("h2-open-streams", 150_000, |out, n| {
        let mut l = Line::new(out);
        l.all(
            false,
            (0..n).map(|i| frame(HEADERS, 4, id(i), &get("/open"))),
        );
    });
    grows_linearly("h2-round-robin", 400_000, |out, n| {
        let mut l = Line::new(out);
        let open = 8000;
        l.all(
            false,
            (0..open).map(|i| frame(HEADERS, 4, id(i), &get("/up"))),
        );
        l.all(
            false,
            (0..n).map(|i| frame(DATA, 0, id(i % open), b"piece")),
        );
    });
    grows_linearly("h2-rapid-reset", 150_000, |out, n| {
        let mut l = Line::new(out);
        l.all(
            false,
            (0..n).map(|i| {
                [
                    frame(HEADERS, 5, id(i), &get("/reset")),
                    frame(RST, 0, id(i), &[0, 0, 0, 8]),
                ]
                .concat()
            }),
        );
    });
    // more calls would measure how the case grows: rows are two thirds of the time here
    grows_linearly("h2-answers-alone", 60_000, |out, n| {
        let mut l = Line::new(out);
        l.all(true, (0..n).map(|i| ok(id(i), "alone")));
    });
}

#[test]
#[ignore = "slow"]
fn frames_that_say_nothing() {
    grows_linearly("h2-settings", 400_000, |out, n| {
        let mut l = Line::new(out);
        l.all(
            false,
            (0..n).map(|i| frame(SETTINGS, 0, 0, &[0, 1, 0, 0, i as u8, 0])),
        );
    });
    grows_linearly("h2-pings", 600_000, |out, n| {
        let mut l = Line::new(out);
        l.all(true, (0..n).map(|_| frame(PING, 0, 0, &[7; 8])));
    });
    grows_linearly("h2-empty-data", 600_000, |out, n| {
        let mut l = Line::new(out);
        l.send(false, &frame(HEADERS, 4, 1, &get("/empty")));
        l.all(false, (0..n).map(|_| frame(DATA, 0, 1, b"")));
    });
    grows_linearly("h2-goaway", 300_000, |out, n| {
        let mut l = Line::new(out);
        // none of them may be given up: their requests have not ended
        l.all(
            false,
            (0..8000).map(|i| frame(HEADERS, 4, id(i), &get("/held"))),
        );
        l.all(
            true,
            (0..n).map(|_| frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])),
        );
    });
}

#[test]
#[ignore = "slow"]
fn heads_without_end() {
    grows_linearly("h2-continuation", 20 << 20, |out, n| {
        let mut l = Line::new(out);
        l.send(false, &frame(HEADERS, 0, 1, &get("/endless")));
        let more = plain(&[("x", &"v".repeat(1000))]);
        l.all(
            false,
            (0..n / more.len()).map(|_| frame(CONTINUATION, 0, 1, &more)),
        );
    });
    grows_linearly("h2-continuation-empty", 800_000, |out, n| {
        let mut l = Line::new(out);
        l.send(false, &frame(HEADERS, 0, 1, &get("/endless")));
        l.all(false, (0..n).map(|_| frame(CONTINUATION, 0, 1, b"")));
    });
    grows_linearly("h2-trailers", 20 << 20, |out, n| {
        let mut l = Line::new(out);
        l.send(false, &frame(HEADERS, 4, 1, &get("/trailers")));
        let more = plain(&[("x", &"v".repeat(10_000))]);
        l.all(
            false,
            (0..n / more.len()).map(|_| frame(HEADERS, 4, 1, &more)),
        );
    });
    // a value of 4000 bytes that two bytes refer to, and a name of as many that two bytes refer to
    grows_linearly("h2-hpack-values", 600, |out, n| {
        let mut l = Line::new(out);
        let big = [
            vec![0x82, 0x84, 0x40],
            string("x"),
            string(&"v".repeat(4000)),
        ]
        .concat();
        l.send(false, &frame(HEADERS, 5, 1, &big));
        let refs = [vec![0x82, 0x84], vec![0xbe; 16_000]].concat();
        l.all(false, (1..n).map(|i| frame(HEADERS, 5, id(i), &refs)));
    });
    grows_linearly("h2-hpack-names", 600, |out, n| {
        let mut l = Line::new(out);
        let big = [
            vec![0x82, 0x84, 0x40],
            string(&"n".repeat(4000)),
            string("v"),
        ]
        .concat();
        l.send(false, &frame(HEADERS, 5, 1, &big));
        let refs = [vec![0x82, 0x84], [0x0f, 0x2f, 0].repeat(5400)].concat();
        l.all(false, (1..n).map(|i| frame(HEADERS, 5, id(i), &refs)));
    });
}

#[test]
#[ignore = "slow"]
fn frames_looked_for() {
    // behind a loss: bytes that may begin frames at each place, and never do
    grows_linearly("h2-lost-heads", 6 << 20, |out, n| {
        let mut l = Line::new(out);
        l.send(false, &frame(HEADERS, 5, 1, &get("/lost")));
        l.skip(false, 5000);
        let like = [0, 0x3f, 0xff, HEADERS, 4, 0, 0, 0, 1].repeat(n / 9);
        l.send(false, &like);
    });
    grows_linearly("h2-lost-blocks", 2 << 20, |out, n| {
        let mut l = Line::new(out);
        l.send(false, &frame(HEADERS, 5, 1, &get("/lost")));
        l.skip(false, 5000);
        // headers of frames inside a value that a header block could hold
        let one = [&[
            0, 0x20, 0, HEADERS, 4, 0, 0, 0, 1, 0, 1, b'a', 0x7f, 0x81, 0x3e,
        ][..]]
        .concat();
        let like = one.repeat(n / one.len());
        l.send(false, &like);
    });
    grows_linearly("h2-lost-single-bytes", 150_000, |out, n| {
        let mut l = Line::new(out);
        l.send(false, &frame(HEADERS, 5, 1, &get("/lost")));
        l.skip(false, 5000);
        l.cut = 1;
        let like = [0, 0x3f, 0xff, DATA, 0, 0, 0, 0, 9].repeat(n / 9);
        l.send(false, &like);
    });
}
