//! WebSocket through the whole program: a capture is made, loaded and asked.

use crate::http1::{C, S};
use crate::support::wire::Wire;
use crate::ws::{accept, frame};
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::{Cx, Filter, Page, read};

/// The whole way: accounts, findings, parents, masks.
#[test]
fn messages_are_calls_of_whoever_opened_the_socket() {
    let ip = |n| (std::net::Ipv4Addr::new(10, 0, 0, n), 40_000 + u16::from(n));
    let server = (std::net::Ipv4Addr::new(10, 0, 9, 9), 80);
    let mut w = Wire::new(Vec::new(), 1_700_000_000_000_000_000).unwrap();
    for (n, user) in [(1, "amelia"), (2, "boris")] {
        let mut c = w.open(ip(n), server).unwrap();
        let basic = match user {
            "amelia" => "YW1lbGlhOnB3MQ==",
            _ => "Ym9yaXM6cHcy",
        };
        let ask = format!(
            "GET /live/feed?phone=13800138000 HTTP/1.1\r\nHost: ws.test\r\nUser-Agent: ua/1\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nAuthorization: Basic {basic}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        w.exchange(&mut c, ask.as_bytes(), &accept("")).unwrap();
        w.send(&mut c, 0, &frame(C, 0x81, b"42[\"get\",{\"page\":1}]"))
            .unwrap();
        // An hour of silence: still the session that opened the socket.
        w.now += 3_600_000_000_000;
        w.send(
            &mut c,
            1,
            &frame(
                S,
                0x81,
                b"42[\"rows\",{\"items\":[{\"idCard\":\"11010519491231002X\",\"mobile\":\"13912345678\"}]}]",
            ),
        )
        .unwrap();
        w.close(&mut c).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let (capture, case) = (dir.path().join("ws.pcap"), dir.path().join("ws.ltc"));
    std::fs::write(&capture, w.into_inner()).unwrap();
    let options = LoadOptions {
        files: vec![capture],
        case: case.clone(),
        ..LoadOptions::default()
    };
    let outcome = run(&options, &Progress::default()).unwrap();
    assert_eq!(outcome.calls, 6);
    let cx = Cx::open(&case, false).unwrap();
    let calls = read::calls(&cx, &Filter::all(), &Page::default()).unwrap();
    for (turn, user) in calls.chunks(3).zip(["amelia", "boris"]) {
        let [up, send, recv] = turn else { panic!() };
        assert_eq!(up.status, Some(101));
        for m in [send, recv] {
            assert_eq!(m.proto, "ws");
            assert_eq!(m.parent.as_deref(), Some(up.id.as_str()));
            assert_eq!((m.status, m.grpc_status), (None, None));
            assert_eq!(m.account.as_deref(), Some(user));
            assert_eq!(m.session, up.session);
            assert!(m.session.is_some());
            assert_eq!(m.host.as_deref(), Some("ws.test"));
            assert_eq!(m.uri, up.uri);
            assert!(
                !m.uri.as_deref().unwrap().contains("13800138000"),
                "masked as its upgrade is"
            );
            assert_eq!(m.user_agent.as_deref(), Some("ua/1"));
            assert!(m.end_ts.is_some());
        }
        assert_eq!(send.method.as_deref(), Some("SEND"));
        assert_eq!(recv.method.as_deref(), Some("RECV"));
        assert_eq!(send.api.as_deref(), Some("SEND ws.test/live/feed"));
        assert_eq!(recv.api.as_deref(), Some("RECV ws.test/live/feed"));
        assert_eq!(
            (send.req_content_len, send.resp_content_len),
            (Some(20), None)
        );
        assert_eq!((recv.req_content_len, recv.resp_body_len), (None, Some(77)));
        assert_eq!(recv.classes, ["cn-id", "cn-mobile"]);
        assert!(send.classes.is_empty() && recv.flags.contains(&"unmasked"));
        assert!(!send.flags.contains(&"no-response") && !recv.flags.contains(&"no-request"));
        let show = read::show(&cx, up.rowid).unwrap().unwrap();
        assert_eq!(show.messages.len(), 2);
        assert_eq!(show.messages[0]["call"], send.id.as_str());
        assert_eq!(show.messages[1]["method"], "RECV");
        assert!(!show.messages[1].to_string().contains("13912345678"));
        let show = read::show(&cx, recv.rowid).unwrap().unwrap();
        assert!(show.request.is_none() && show.messages.is_empty());
        assert!(show.response.unwrap().body.unwrap().text.is_some());
        assert!(
            show.findings.iter().all(|f| f.dir == "resp"),
            "{:?}",
            show.findings
        );
        assert_eq!(show.findings[0].place, "$[1].items[0].idCard");
    }
    let apis = read::apis(&cx, &Filter::all()).unwrap();
    assert!(apis.iter().all(|a| a.kind == "websocket"), "{apis:?}");
    assert_eq!(apis.len(), 3);
    // one value in the target of each upgrade, and none of it again in its messages
    let mut phones = 0;
    read::findings(&cx, &Filter::all(), &mut |f| {
        phones += usize::from(f.place == "query:phone");
        Ok(true)
    })
    .unwrap();
    assert_eq!(phones, 2);
}
