//! Files that FTP carries beside its own connection: the flow is named by what announced it, and hides no calls.

use leaktrace::call::model::{FlowInfo, Stamp};
use leaktrace::net::{Close, FlowKey, FlowStats, Segment, Side, StreamSink};
use leaktrace::proto::{Calls, FlowState};
use std::net::IpAddr;

type End = (IpAddr, u16);

const C: Side = Side::A;
const S: Side = Side::B;

/// Flows fed by hand, each to its own end.
#[derive(Default)]
struct Net {
    calls: Calls,
    flows: u64,
}

impl Net {
    fn open(&mut self, a: End, b: End) -> FlowState {
        self.flows += 1;
        let key = FlowKey { a, b, protocol: 6 };
        self.calls.open(self.flows, &key, Stamp::default())
    }

    fn say(&mut self, flow: &mut FlowState, turns: &[(Side, &str)]) {
        let mut offset = [0u64; 2];
        for (side, text) in turns {
            let i = usize::from(*side == S);
            let segment = Segment {
                bytes: text.as_bytes(),
                offset: offset[i],
                zero: 1,
                acked: offset[1 - i],
                at: Stamp::default(),
                retransmitted: false,
            };
            offset[i] += text.len() as u64;
            self.calls.data(flow, *side, segment);
        }
    }

    /// Ends a flow and tells its row.
    fn close(&mut self, flow: FlowState) -> FlowInfo {
        let stats = FlowStats {
            first: Stamp::default(),
            last: Stamp::default(),
            packets: [3, 3],
            bytes: [0; 2],
            gaps: 0,
            handshake: true,
            close: Close::Fin,
        };
        self.calls.close(flow, &stats);
        self.calls.flows.pop().unwrap()
    }
}

/// A control connection that says this, then a connection between these ends that carries that.
fn carried(said: &[(Side, &str)], ends: (End, End), file: &[(Side, &str)]) -> (FlowInfo, usize) {
    let client = IpAddr::from([10, 1, 1, 1]);
    let server = IpAddr::from([10, 2, 2, 2]);
    let mut net = Net::default();
    let mut control = net.open((client, 40_000), (server, 21));
    let before = [(S, "220 (vsFTPd 3.0.3)\r\n"), (C, "USER a\r\n")];
    net.say(&mut control, &[&before[..], said].concat());
    let mut data = net.open(ends.0, ends.1);
    net.say(&mut data, file);
    let info = net.close(data);
    assert_eq!(net.close(control).app, "ftp");
    (info, net.calls.exchanges.len())
}

#[test]
fn a_connection_that_was_announced_is_named_whatever_it_carries() {
    let (c, s) = ([10, 1, 1, 1].into(), [10, 2, 2, 2].into());
    let pasv = "227 Entering Passive Mode (10,2,2,2,200,10).\r\n";
    let file = [(S, "a line of a file\r\n")];
    let ends = ((c, 40_001), (s, 51_210));
    for (said, ends, file) in [
        (vec![(C, "PASV\r\n"), (S, pasv)], ends, &file),
        // an address behind a translation is none that is seen
        (
            vec![(S, "227 Passive (192,168,0,9,200,10)\r\n")],
            ends,
            &file,
        ),
        (vec![(S, "229 Extended (|||51210|)\r\n")], ends, &file),
        (
            vec![(C, "PORT 10,1,1,1,200,11\r\n")],
            ((s, 20), (c, 51_211)),
            &[(C, "\u{1}\u{2}GIT\u{0}")],
        ),
        (
            vec![(C, "EPRT |1|10.1.1.1|51211|\r\n")],
            ((s, 20), (c, 51_211)),
            &[(C, "+OK looks like a mailbox\r\n")],
        ),
    ] {
        let (info, calls) = carried(&said, ends, file);
        assert_eq!((info.app, calls), ("ftp-data", 0), "{said:?}");
        assert!(info.why_opaque.unwrap().contains("FTP"));
    }
    let other = ((c, 40_001), (s, 51_211));
    assert_eq!(carried(&[(S, pasv)], other, &file).0.app, "unknown");
}

/// Whoever writes such a line cannot have calls overlooked.
#[test]
fn calls_are_read_on_an_announced_connection_too() {
    let (c, s) = ([10, 1, 1, 1].into(), [10, 2, 2, 2].into());
    let talk = [
        (C, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"),
        (S, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ];
    let ends = ((c, 40_001), (s, 51_210));
    let (info, calls) = carried(&[(S, "229 Extended (|||51210|)\r\n")], ends, &talk);
    assert_eq!((info.app, calls), ("http", 1));
}

/// Lines of a file that look like calls, which nobody answers; where the other side was not captured they may be calls.
#[test]
fn a_file_of_request_lines_is_a_file() {
    let (c, s): (IpAddr, IpAddr) = ([10, 1, 1, 1].into(), [10, 2, 2, 2].into());
    let lines = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    for text in [
        lines.to_owned(),
        lines.repeat(40),
        format!("HTTP/1.1 200 OK\r\n\r\n{lines}"),
    ] {
        for (from, ends) in [(S, ((c, 40_001), (s, 51_210))), (C, ((s, 20), (c, 51_210)))] {
            let said = [
                (S, "229 Extended (|||51210|)\r\n"),
                (C, "PORT 10,1,1,1,200,10\r\n"),
            ];
            let (info, calls) = carried(&said, ends, &[(from, &text)]);
            assert_eq!(
                (info.app, info.calls, calls),
                ("ftp-data", 0, 0),
                "{from:?}"
            );
        }
    }
    let mut net = Net::default();
    let mut control = net.open((c, 40_000), (s, 21));
    net.say(
        &mut control,
        &[
            (S, "220 (vsFTPd 3.0.3)\r\n"),
            (S, "229 Extended (|||51210|)\r\n"),
        ],
    );
    let mut data = net.open((c, 40_001), (s, 51_210));
    net.say(&mut data, &[(C, lines)]);
    let stats = |packets| FlowStats {
        first: Stamp::default(),
        last: Stamp::default(),
        packets,
        bytes: [0; 2],
        gaps: 0,
        handshake: true,
        close: Close::Fin,
    };
    net.calls.close(data, &stats([3, 0]));
    assert_eq!(
        (net.calls.flows[0].app, net.calls.exchanges.len()),
        ("http", 2)
    );
}
