//! Rows of calls as a load gives them to who decides facts: the ones that the table holds, or none.

use super::case::{Folder, add_source, call, create};
use leaktrace::call::model::{Dispatch, Flags, Proto};
use leaktrace::case::lines::{self, COLUMNS, Feed, Rows};
use leaktrace::case::{Case, writer::Writer};
use leaktrace::load::finalise;
use rusqlite::types::ValueRef;
use std::sync::atomic::AtomicBool;

/// Columns that hold texts or blobs.
const TEXTS: [usize; 5] = [7, 9, 15, 23, 24];

/// All values of all rows, and whether the end was told.
fn values(batches: impl IntoIterator<Item = Rows>) -> (Vec<Vec<String>>, bool) {
    let (mut out, mut last) = (Vec::new(), false);
    for batch in batches {
        assert!(!last, "nothing comes after the end");
        last = batch.last;
        out.extend(batch.each().map(|row| {
            let cell = |i: usize| match TEXTS.contains(&i) {
                true => format!("{:?}", row.bytes(i)),
                false => format!("{:?}", row.int(i)),
            };
            (0..COLUMNS).map(cell).collect::<Vec<_>>()
        }));
    }
    (out, last)
}

/// What a load gives, and what the table holds after it.
fn both(case: &Case, write: impl FnOnce(&mut Writer<'_>)) -> [(Vec<Vec<String>>, bool); 2] {
    let (send, rows) = lines::channel();
    let taken = std::thread::spawn(move || values(rows));
    let mut w = add_source(case, "a.pcap", 7);
    w.with_feed(Feed::new(send));
    write(&mut w);
    w.finish_load().unwrap();
    let (send, rows) = lines::channel();
    let read = std::thread::spawn(move || values(rows));
    lines::read(&case.conn, &send).unwrap();
    drop(send);
    [taken.join().unwrap(), read.join().unwrap()]
}

#[test]
fn rows_of_a_load_are_those_of_the_table() {
    let dir = Folder::new();
    let case = create(&dir.path("a.ltc"));
    let [taken, read] = both(&case, |w| {
        let mut many = Vec::new();
        for unit in 1..1500 {
            let mut c = call(0, unit);
            // every column with and without a value, and some at their ends
            if unit % 2 == 0 {
                (c.src, c.sport, c.flow, c.end_ts, c.status) = (None, None, None, None, None);
                (c.host, c.method, c.uri, c.user_agent) = (None, None, None, None);
                c.events.clear();
                c.resp_body = None;
            }
            if unit % 3 == 0 {
                (c.dst, c.dport, c.tls, c.proto) = (None, Some(65535), true, Proto::H2);
                (c.operation, c.op_note) = (Some(format!("op{unit}")), Some("a note".into()));
                (c.grpc_status, c.trace_id) = (Some(u32::MAX), Some(format!("t-{unit}-\u{202e}")));
                c.dispatch = Some(Dispatch {
                    fields: "query:action=list".into(),
                    shape: u64::MAX - unit,
                });
                c.kind = "soap";
                (c.seq, c.ord) = ([Some(u32::MAX), Some(0)], 7);
                c.flags = Flags(u32::MAX >> 1);
                c.req_body = Some(super::case::body(unit + 10_000));
                c.resp_body_len = Some(unit);
            }
            many.push(c);
            if many.len() == 100 {
                w.put_calls(std::mem::take(&mut many)).unwrap();
                w.commit().unwrap();
            }
        }
        for c in many {
            w.put_call(c).unwrap();
        }
    });
    assert_eq!(taken.0.len(), 1499);
    assert_eq!(taken, read);
    assert!(taken.1);
    for column in 0..COLUMNS {
        let differ = taken.0.iter().any(|r| r[column] != taken.0[0][column]);
        assert!(differ || column == 1, "column {column} is always the same");
    }
}

#[test]
fn the_end_is_not_told_of_rows_that_changed_or_are_not_all() {
    let dir = Folder::new();
    // a call that was written before it was done
    let case = create(&dir.path("a.ltc"));
    let [taken, read] = both(&case, |w| {
        for (unit, done) in [(1, true), (2, false), (3, true), (2, true)] {
            let mut c = call(0, unit);
            c.done = done;
            w.put_call(c).unwrap();
        }
    });
    assert!(!taken.1 && read.1 && read.0.len() == 3);
    // a case that had calls before
    let [taken, read] = both(&case, |w| {
        w.put_call(call(0, 9)).unwrap();
    });
    assert_eq!(taken, (Vec::new(), false));
    assert_eq!(read.0.len(), 4);
    // a load that does not end
    let case = create(&dir.path("b.ltc"));
    let (send, rows) = lines::channel();
    let mut w = add_source(&case, "a.pcap", 7);
    w.with_feed(Feed::new(send));
    w.put_call(call(0, 1)).unwrap();
    drop(w);
    assert!(!values(rows).1);
}

#[test]
fn no_more_calls_are_held_than_the_bound_says() {
    for (most, room, held) in [
        (3000, true, true),
        (2000, true, false),
        (3000, false, false),
    ] {
        let (send, rows) = lines::channel();
        let taken = std::thread::spawn(move || {
            finalise::gather(rows, most, &AtomicBool::new(room)).is_some()
        });
        let mut feed = Feed::new(send);
        for id in 0..2500 {
            feed.add(id, &[ValueRef::Null; 45]);
        }
        feed.end();
        assert_eq!(taken.join().unwrap(), held);
    }
}
