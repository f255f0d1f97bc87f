//! Segments that no receiver took: FINs that end nothing, and bytes whose sum is wrong. What was sent is read all the same.

use crate::streams::{ACK, FIN, PSH, RST, SYN, Wire, tcp};
use crate::support::frames::sum;
use leaktrace::net::Close;

#[test]
fn a_fin_that_the_sender_goes_beyond_is_none() {
    // out of place, before what it would cut off, and again where it is held already
    for early in [true, false] {
        let mut w = Wire::default();
        w.handshake(100, 900);
        w.a(ACK | PSH, 101, 901, b"one");
        if !early {
            w.a(ACK | PSH, 120, 901, b"three");
        }
        w.a(FIN | ACK, 111, 901, b"");
        w.a(ACK | PSH, 104, 901, b"and two, longer.");
        if early {
            w.a(ACK | PSH, 120, 901, b"three");
        }
        w.b(ACK, 901, 125, b"");
        assert_eq!(w.code("false-fin"), 1);
        let f = w.end();
        assert_eq!(f[0].streams[0], b"oneand two, longer.three", "{early}");
        assert!(f[0].gaps[0].is_empty());
    }
    // in its place, and more behind it
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(FIN | ACK | PSH, 101, 901, b"one");
    w.a(ACK | PSH, 104, 901, b"two");
    w.b(ACK, 901, 107, b"");
    assert_eq!(w.end()[0].streams[0], b"onetwo");
}

#[test]
fn nothing_counts_behind_a_fin_that_the_other_side_has() {
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(FIN | ACK | PSH, 101, 901, b"one");
    w.b(ACK, 901, 105, b"");
    w.a(ACK | PSH, 104, 901, b"two");
    w.a(ACK | PSH, 105, 901, b"three");
    assert_eq!(w.code("false-fin"), 0);
    let f = w.end();
    assert_eq!(f[0].streams[0], b"one");
    assert!(f[0].gaps[0].is_empty());
    // far behind the end, and there before it: nobody took it
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(ACK | PSH, 90_101, 901, b"made up");
    w.a(ACK | PSH, 102, 901, b"ne and more");
    w.a(ACK | PSH, 101, 901, b"one");
    w.a(ACK | PSH, 113, 901, b" that crosses");
    w.a(FIN | ACK, 115, 901, b"");
    w.b(ACK, 901, 113, b"");
    w.a(ACK | PSH, 90_101, 901, b"made up");
    let f = w.end();
    assert_eq!(f[0].streams[0], b"one and more that crossesmade up");
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(ACK | PSH, 90_101, 901, b"made up");
    w.a(ACK | PSH, 101, 901, b"one");
    w.a(FIN | ACK, 104, 901, b"");
    w.b(ACK, 901, 105, b"");
    let f = w.end();
    assert_eq!(f[0].streams[0], b"one");
    assert!(f[0].gaps[0].is_empty());
    // a piece that waits and reaches behind it ends there
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(ACK | PSH, 104, 901, b"two and what is made up");
    w.a(FIN | ACK, 107, 901, b"");
    w.b(ACK, 901, 108, b"");
    w.a(ACK | PSH, 101, 901, b"one");
    assert_eq!(w.end()[0].streams[0], b"onetwo");
    // a probe of the quiet connection stands on the FIN's number
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(FIN | ACK | PSH, 101, 901, b"one");
    w.a(ACK, 104, 901, b"\0");
    assert_eq!(w.end()[0].streams[0], b"one");
}

/// Another connection says that time passed.
fn pass(w: &mut Wire, seconds: i64) {
    w.ts += seconds * 1_000_000_000;
    let ports = std::mem::replace(&mut w.ports, (41000, 80));
    for n in 0..3 {
        w.ts += 1_500_000_000;
        w.a(ACK, 5000 + n, 9000, b"");
    }
    w.ports = ports;
}

#[test]
fn an_end_that_nobody_acknowledged_is_one_once_nothing_more_comes() {
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(ACK | PSH, 101, 901, b"ask");
    w.b(ACK | PSH, 901, 104, b"to the end");
    w.b(FIN | ACK, 911, 104, b"");
    pass(&mut w, 10);
    assert_eq!(w.ended(), 0);
    // sent again: it is not over yet
    w.b(FIN | ACK, 911, 104, b"");
    pass(&mut w, 55);
    assert_eq!(w.ended(), 0);
    pass(&mut w, 10);
    assert_eq!(w.ended(), 1);
    assert_eq!(w.end()[0].streams[1], b"to the end");
    // its sender went on: there was none, and a quiet connection stays one
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.b(FIN | ACK, 901, 101, b"one");
    w.b(ACK | PSH, 904, 101, b"two");
    pass(&mut w, 600);
    assert_eq!((w.ended(), w.code("false-fin")), (0, 1));
    w.b(ACK | PSH, 907, 101, b"three");
    assert_eq!(w.end()[0].streams[1], b"onetwothree");
    // one side alone has ended, and the other one knows
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(FIN | ACK | PSH, 101, 901, b"ask");
    w.b(ACK, 901, 105, b"");
    pass(&mut w, 600);
    w.b(ACK | PSH, 901, 105, b"long in the making");
    assert_eq!(w.ended(), 0);
    assert_eq!(w.end()[0].streams[1], b"long in the making");
}

/// A packet with the right sum of its segment, or one that is off by one.
fn summed(mut packet: Vec<u8>, right: bool) -> Vec<u8> {
    let segment = packet.len() - 20;
    let mut all = packet[12..20].to_vec();
    all.extend([0, 6]);
    all.extend((segment as u16).to_be_bytes());
    packet[36..38].fill(0);
    all.extend(&packet[20..]);
    let s = sum(&all).wrapping_add(u16::from(!right));
    packet[36..38].copy_from_slice(&s.to_be_bytes());
    packet
}

struct Summed(Wire);

impl Summed {
    /// A connection that opened; `right` says that sums of the client's handshake are.
    fn new(right: bool) -> Summed {
        let mut s = Summed(Wire::default());
        s.say(true, right, SYN, 100, 0, b"");
        s.say(false, true, SYN | ACK, 900, 101, b"");
        s.say(true, right, ACK, 101, 901, b"");
        s
    }
    fn say(&mut self, from_a: bool, right: bool, flags: u8, seq: u32, ack: u32, data: &[u8]) {
        let p = summed(tcp(self.0.ports, from_a, flags, seq, ack, data), right);
        self.0.raw(&p, p.len());
    }
    fn a(&mut self, right: bool, flags: u8, seq: u32, data: &[u8]) {
        self.say(true, right, flags, seq, 901, data);
    }
    fn stream(self) -> String {
        let f = self.0.end();
        assert!(f[0].gaps[0].is_empty(), "{:?}", f[0].gaps);
        String::from_utf8_lossy(&f[0].streams[0]).into_owned()
    }
}

#[test]
fn bytes_with_a_wrong_sum_lose_against_those_with_the_right_one() {
    for later in [false, true] {
        let mut s = Summed::new(true);
        s.a(false, ACK | PSH, 101, b"GET /wrong");
        if later {
            // what follows waits with it
            s.a(true, ACK | PSH, 111, b" and more");
        }
        s.a(true, ACK | PSH, 101, b"GET /right");
        if !later {
            s.a(true, ACK | PSH, 111, b" and more");
        }
        s.say(false, true, ACK, 901, 120, b"");
        assert_eq!(s.0.code("bad-tcp-checksum"), 1);
        assert_eq!(s.stream(), "GET /right and more");
    }
    // cut otherwise, and in the middle of a stream
    let mut s = Summed::new(true);
    s.a(true, ACK, 101, b"one ");
    s.a(false, ACK, 105, b"XXXXXXXX");
    s.a(true, ACK, 105, b"two ");
    s.a(true, ACK, 109, b"more");
    assert_eq!(s.stream(), "one two more");
    // the true one came first
    let mut s = Summed::new(true);
    s.a(true, ACK, 101, b"true");
    s.a(false, ACK, 101, b"fake");
    assert_eq!(s.stream(), "true");
}

#[test]
fn bytes_with_a_wrong_sum_are_read_where_nothing_better_comes() {
    // every sum of a sender is wrong: it is captured before the card fills them in
    let mut s = Summed::new(false);
    s.a(false, ACK, 101, b"one ");
    assert_eq!(s.0.told(), 4);
    s.a(false, ACK, 105, b"two");
    assert_eq!(s.stream(), "one two");
    // those of data alone: the first is received, so the others are as well
    let mut s = Summed::new(true);
    s.a(false, ACK, 101, b"one ");
    assert_eq!(s.0.told(), 0);
    s.say(false, true, ACK, 901, 105, b"");
    assert_eq!(s.0.told(), 4);
    s.a(false, ACK, 105, b"two");
    assert_eq!(s.0.told(), 7);
    assert_eq!(s.stream(), "one two");
    // nobody says anything
    let mut s = Summed::new(true);
    s.a(false, ACK, 101, b"one ");
    s.a(false, ACK, 105, b"two");
    s.a(true, ACK, 108, b" three");
    assert_eq!(s.stream(), "one two three");
    // nor for long
    let mut s = Summed::new(true);
    s.0.ts += 10_000_000_000;
    for n in 0..200 {
        s.a(false, ACK, 101 + n, b"x");
    }
    assert!(s.0.told() > 100);
    assert_eq!(s.stream().len(), 200);
}

/// What a card is to fill in holds the sum of the addresses.
#[test]
fn sums_that_are_left_to_the_card_are_no_wrong_ones() {
    let mut s = Summed::new(true);
    for with_length in [true, false] {
        let seq = if with_length { 101 } else { 105 };
        let mut p = tcp(s.0.ports, true, ACK, seq, 901, b"one ");
        let mut all = p[12..20].to_vec();
        all.extend([0, 6]);
        all.extend(((p.len() - 20) as u16 * u16::from(with_length)).to_be_bytes());
        let partial = !sum(&all);
        p[36..38].copy_from_slice(&partial.to_be_bytes());
        s.0.raw(&p, p.len());
    }
    assert_eq!(s.0.told(), 8);
    assert_eq!(s.stream(), "one one ");
}

#[test]
fn ends_and_openings_with_a_wrong_sum_are_none() {
    let mut s = Summed::new(true);
    s.a(true, ACK | PSH, 101, b"one ");
    s.a(false, RST, 105, b"");
    s.a(false, FIN | ACK, 105, b"");
    s.a(false, SYN, 70_000, b"");
    s.a(true, ACK | PSH, 105, b"two");
    s.a(true, FIN | ACK, 108, b"");
    s.say(false, true, FIN | ACK, 901, 109, b"");
    let f = s.0.end();
    assert_eq!(f.len(), 1);
    assert_eq!(f[0].streams[0], b"one two");
    assert_eq!(f[0].stats.unwrap().close, Close::Fin);
}
