//! Names: what each protocol's first bytes are called, and that what looks alike is not.

use super::*;
use crate::call::model::Stamp;
use crate::net::Close;
use std::net::IpAddr;

/// What is told of a flow whose sides sent these datagrams, or these bytes.
fn met(protocol: u8, ports: (u16, u16), a: &[&[u8]], b: &[&[u8]]) -> FlowInfo {
    let ip = IpAddr::from([10, 0, 0, 1]);
    let key = FlowKey {
        a: (ip, ports.0),
        b: (ip, ports.1),
        protocol,
    };
    let stats = FlowStats {
        first: Stamp::default(),
        last: Stamp::default(),
        packets: [1, 1],
        bytes: [0, 0],
        gaps: 0,
        handshake: true,
        close: Close::Fin,
    };
    let mut heads = [Vec::new(), Vec::new()];
    let mut grams = Grams::default();
    for (side, parts) in [(Side::A, a), (Side::B, b)] {
        let head = &mut heads[side as usize];
        for part in parts {
            if protocol != 17 {
                head.extend_from_slice(part);
            } else if grams.take(side, part) {
                *head = part.to_vec();
            }
        }
        head.truncate(crate::limits::FLOW_HEAD);
    }
    let k = Known {
        id: 0,
        key: &key,
        heads: &heads,
        grams: &grams,
        announced: false,
        calls: 0,
        outer: None,
        inner: None,
    };
    info(k, &stats)
}

/// What it is called.
fn called(protocol: u8, ports: (u16, u16), a: &[&[u8]], b: &[&[u8]]) -> &'static str {
    met(protocol, ports, a, b).app
}

fn named(protocol: u8, ports: (u16, u16), a: &[u8], b: &[u8]) -> &'static str {
    called(protocol, ports, &[a], &[b])
}

/// Bytes written in hexadecimal, `text` in quotes, `*n` zeros.
fn hex(s: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, part) in s.split('\'').enumerate() {
        if n % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        for word in part.split_whitespace() {
            if let Some(n) = word.strip_prefix('*') {
                out.resize(out.len() + n.parse::<usize>().unwrap(), 0);
                continue;
            }
            for i in (0..word.len()).step_by(2) {
                out.push(u8::from_str_radix(&word[i..i + 2], 16).unwrap());
            }
        }
    }
    out
}

/// Port, client's bytes, server's bytes, name on a stream. A port of 0 is any.
const STREAMS: &[(u16, &str, &str, &str)] = &[
    (0, "'NICK bob' 0d0a 'USER bob 0 * :Bob' 0d0a", "", "irc"),
    (
        0,
        "'CONNECT {\"verbose\":false'",
        "'INFO {\"server_id\":\"x\"'",
        "nats",
    ),
    (0, "ff *8 7f 03 00 'NULL'", "", "zmtp"),
    (0, "ff *7 01 7f 03 00 'NULL'", "ff *8 7f 03", "zmtp"),
    (
        0,
        "'set key 0 900 4' 0d0a 'abcd' 0d0a",
        "'STORED' 0d0a",
        "memcached",
    ),
    (0, "'get key' 0d0a", "'END' 0d0a", "memcached"),
    (0, "'get key' 0d0a", "", "unknown"),
    (
        0,
        "'get the key from the board' 0d0a",
        "'I will' 0d0a",
        "unknown",
    ),
    (
        0,
        "80 00 0001 00 00 0000 00000001 00000009 *8 'k'",
        "81 00 0000 04 00 0000 00000005",
        "memcached",
    ),
    (
        0,
        "80 00 0fff 00 00 0000 00000001 00000009 *8 'k'",
        "",
        "unknown",
    ),
    (
        0,
        "80000028 12345678 00000000 00000002 000186a3 00000003 00000000 *16",
        "",
        "nfs",
    ),
    (
        0,
        "80000028 12345678 00000000 00000002 000186a5 00000003 00000000 *16",
        "",
        "mount",
    ),
    (
        0,
        "80000028 12345678 00000000 00000003 000186a3 00000003 00000000 *16",
        "",
        "unknown",
    ),
    (
        0,
        "ffffffffffffffffffffffffffffffff 001d 01 04 fde8 00b4",
        "",
        "bgp",
    ),
    (
        0,
        "ffffffffffffffffffffffffffffffff ffff 01 04 fde8 00b4",
        "",
        "unknown",
    ),
    (
        0,
        "0001 0000 0006 01 03 0000 0002",
        "0001 0000 0007 01 03 04 0001 0002",
        "modbus",
    ),
    (
        0,
        "0001 0000 0006 01 03 0000 0002",
        "0001 0000 0003 01 83 02",
        "modbus",
    ),
    (502, "0001 0000 0006 01 03 0000 0002", "", "modbus"),
    (0, "0001 0000 0006 01 03 0000 0002", "", "unknown"),
    (
        0,
        "0001 0000 0006 01 03 0000 0002",
        "0002 0000 0007 01 03 04 0001 0002",
        "unknown",
    ),
    (502, "0001 0000 0006 01 03 0000", "", "unknown"),
    (
        102,
        "03000016 11e00000000100 c10201 00 c20201 02 c0010a 03000019 02f080 32 01",
        "",
        "s7comm",
    ),
    (
        102,
        "03000016 11e00000000100 c10201 00 c20201 02 c0010a 03000019 02f080 72 01",
        "",
        "s7comm",
    ),
    (
        102,
        "03000016 11e00000000100 c10201 00 c20201 02 c0010a",
        "",
        "cotp",
    ),
    (
        0,
        "0300002b 26e00000000000 'Cookie: mstshash=bob' 0d0a 0100080003000000",
        "",
        "rdp",
    ),
    (0, "03000013 0ee00000000000 0100080003000000", "", "rdp"),
    (0, "03000013 0ee00000000000 0100090003000000", "", "cotp"),
    (0, "03000013 'hello there'", "", "unknown"),
    (0, "0564 05 c9 0100 0200 0000", "", "unknown"),
    (0, "0564 05 c9 0100 0200 3b95", "", "dnp3"),
    (0, "6804 07000000", "6804 0b000000", "iec104"),
    (
        0,
        "6804 0100 0a00",
        "680e 0a000200 64010600010000000014",
        "iec104",
    ),
    (0, "6804 07000001", "", "unknown"),
    (
        0,
        "'hello, this begins with an h and goes on'",
        "",
        "unknown",
    ),
    (0, "'HELF' 38000000 *4", "'ACKF' 1c000000 *4", "opcua"),
    (0, "'HELP me, please, I am lost'", "", "unknown"),
    (0, "6500 0400 *20 01000000", "", "enip"),
    (0, "6500 0500 *20 01000000", "", "unknown"),
    (
        0,
        "04 00 0000 05 00000000",
        "84 00 0000 06 00000020 0001",
        "cassandra",
    ),
    (0, "04 00 0000 05 00000000", "", "unknown"),
    (
        0,
        "04 00 0000 01 00000016 0001 000b 'CQL_VERSION' 0005 '3.0.0'",
        "",
        "cassandra",
    ),
    (0, "02fd 0005 00000007 0e800000000000", "", "doip"),
    (0, "02fc 0005 00000007 0e800000000000", "", "unknown"),
    (
        0,
        "1111 0033 0000000c 0001 0001 01 01 00 00 61626364",
        "",
        "someip",
    ),
    (
        0,
        "1111 0033 0000000c 0001 0001 02 01 00 00 61626364",
        "",
        "unknown",
    ),
    (0, "01 000064 80 000101 00000000 *8", "", "diameter"),
    (0, "01 000065 80 000101 00000000 *8", "", "unknown"),
    (
        0,
        "1201 002f 0000 01 00 00 001a 0006 01 0020 0001",
        "",
        "tds",
    ),
    (
        0,
        "1201 002f 0000 01 00 00 001a 0007 01 0020 0001",
        "",
        "unknown",
    ),
    (0, "00b8 0000 01 00 0000 0139 012c", "", "tns"),
    (0, "00b8 0000 01 00 0000 0939 012c", "", "unknown"),
    (0, "0064 d0 41 0001 005e 1041 005a 115e", "", "drda"),
    (0, "0064 d0 41 0001 005f 1041 005a 115e", "", "unknown"),
    (0, "0000002d *12 00007530 *8 00000010 *16", "", "zookeeper"),
    (0, "'ruok'", "'imok'", "zookeeper"),
    (0, "'STOMP' 0a 'accept-version:1.2' 0a", "", "stomp"),
    (0, "'CONNECT' 0a 'accept-version:1.2' 0a", "", "stomp"),
    (0, "'STOMP' 0a 'on it' 0a", "", "unknown"),
    (
        0,
        "0000001e 0012 0003 00000007 0009 'rdkafka-1'",
        "0000000a 00000007 *6",
        "kafka",
    ),
    (
        0,
        "0000001e 0012 0003 00000007 ffff",
        "0000000a 00000008 *6",
        "unknown",
    ),
    (0, "6c 00 0b00 0000 1200 1000 0000", "", "x11"),
    (0, "6c 00 0b00 0100 1200 1000 0000", "", "unknown"),
    (0, "", "'RFB 003.008' 0a", "vnc"),
    (43, "'example.org' 0d0a", "'% IANA' 0d0a", "whois"),
    (0, "'example.org' 0d0a", "'% IANA' 0d0a", "unknown"),
    (79, "'bob' 0d0a", "'Login: bob' 0d0a", "finger"),
    (
        0,
        "'6193, 23' 0d0a",
        "'6193, 23 : USERID : UNIX : joe' 0d0a",
        "ident",
    ),
    (
        0,
        "'6193, 23' 0d0a",
        "'6193, 24 : USERID : UNIX : joe' 0d0a",
        "unknown",
    ),
    (515, "02 'lp' 0a", "00", "lpd"),
    (
        0,
        "'OPTIONS sip:a@b SIP/2.0' 0d0a",
        "'SIP/2.0 200 OK' 0d0a",
        "sip",
    ),
    (0, "'OPTIONS * RTSP/1.0' 0d0a 'CSeq: 1' 0d0a", "", "rtsp"),
    (0, "300c 020101 60 07 020103 0400 8000", "", "ldap"),
    (0, "300c 020101 05 07 020103 0400 8000", "", "unknown"),
    (
        0,
        "000000a3 6a81a0 30819d a103020105 a20302010a *147",
        "",
        "kerberos",
    ),
    (
        0,
        "81000044 20 'ENENENENENENENENENENENENENENENEN' 00",
        "82000000",
        "netbios-ssn",
    ),
    (
        0,
        "81000044 20 'ENENENENENENENENENENENENENENENEN' 00",
        "82000000 00000030 ff 'SMBr'",
        "smb",
    ),
    (0, "05 00 0b 03 10000000 4800 0000 01000000", "", "unknown"),
    (
        0,
        "05 00 0b 03 10000000 1c00 0000 01000000 01020304 *8",
        "",
        "dcerpc",
    ),
    (
        0,
        "c0 01 01 00 61626364 0000000a",
        "c0 01 02 00 61626364 00000006",
        "tacacs",
    ),
    (
        0,
        "c0 01 01 00 61626364 0000000a",
        "c0 01 02 00 61626365 00000006",
        "unknown",
    ),
    (0, "80010001 00000004 'ping' 00000001", "", "thrift"),
    (0, "fffd18 fffd20", "", "telnet"),
    (0, "fffd18", "", "unknown"),
    (0, "'0033git-upload-pack /p.git' 00", "", "git"),
    (0, "'( 2 ( edit-pipeline ) 10:svn://x/y ) '", "", "svn"),
    (
        0,
        "'<34>Oct 11 22:14:15 mymachine su: failed'",
        "",
        "syslog",
    ),
    (0, "'<34>a page in an old form'", "", "unknown"),
    (
        0,
        "0014 38 0102030405060708 00 00000000 *6",
        "001a 40 1112131415161718 01 00000000 0102030405060708 00000000",
        "openvpn",
    ),
    (
        0,
        "0014 38 0102030405060708 00 00000000 *6",
        "001a 40 1112131415161718 01 00000000 0102030405060709 00000000",
        "unknown",
    ),
];

/// Parts of connections whose beginning was not captured, as above.
const PARTS: &[(u16, &str, &str, &str)] = &[
    (
        1883,
        "33 11 000d 'hello/0/world' 0002 33 12 000d 'hello/1/world' 000301",
        "40 02 0002",
        "mqtt",
    ),
    (
        0,
        "33 11 000d 'hello/0/world' 0002",
        "40 02 0002",
        "unknown",
    ),
    (1883, "33 11 001d 'hello/0/world' 0002", "", "unknown"),
    (0, "01 0001 00000007 003c 0050 000001 ce", "", "amqp"),
    (0, "01 0001 00000007 003c 0050 000001 cf", "", "unknown"),
    (0, "00000012 0000000e 08 02 12", "", "pulsar"),
    (0, "00000060 00000040 '{\"code\":310,' ", "", "rocketmq"),
    (21, "'RETR a.txt' 0d0a", "'150 Opening' 0d0a", "ftp"),
    (0, "'RETR a.txt' 0d0a", "'150 Opening' 0d0a", "unknown"),
    (23, "'ls -l' 0d0a", "'total 4' 0d0a", "telnet"),
];

/// The same of datagrams; `|` stands between two of one side.
const DATAGRAMS: &[(u16, &str, &str, &str)] = &[
    (
        0,
        "0007 0000 0001 0000 'get k' 0d0a",
        "0007 0000 0001 0000 'END' 0d0a",
        "memcached",
    ),
    (
        0,
        "01 123456 0001 0004 00010203 0008 0002 0000",
        "",
        "dhcpv6",
    ),
    (
        0,
        "01 123456 0001 0004 00010203 0008 0003 0000",
        "",
        "unknown",
    ),
    (
        0,
        "1234 0100 0001 0000 0000 0000 03 'www' 00 0001 0001",
        "",
        "dns",
    ),
    (
        0,
        "1234 0100 0001 0000 0000 0000 03 'www' 00 0001 0007",
        "",
        "unknown",
    ),
    (
        0,
        "1111 0033 0000000c 0001 0001 01 01 00 00 61626364",
        "",
        "someip",
    ),
    (
        5355,
        "1234 0000 0001 0000 0000 0000 04 'wpad' 00 0001 0001",
        "",
        "llmnr",
    ),
    (
        137,
        "1234 0110 0001 0000 0000 0000 20 'ENENENENENENENENENENENENENENENEN' 00 0020 0001",
        "",
        "netbios-ns",
    ),
    (
        0,
        "1102 0007 0a010002 008a 0064 0000 20 'ENENENENENENENENENENENENENENENEN' 00",
        "",
        "netbios-dgm",
    ),
    (0, "01 03 0019 *16 01 05 'bob'", "", "radius"),
    (0, "01 03 0019 *16 01 06 'bob'", "", "unknown"),
    (1812, "03 03 0014 *16", "", "radius"),
    (0, "03 03 0014 *16", "", "unknown"),
    (0, "3029 020101 0406 'public' a01c *26", "", "unknown"),
    (0, "3029 020101 0406 'public' a01c *28", "", "snmp"),
    (0, "0005 0001 *20 *48", "", "netflow"),
    (0, "0005 0001 *20 *47", "", "unknown"),
    (0, "000a 0024 *12 0002 0014 *16", "", "ipfix"),
    (
        0,
        "00000005 00000001 0a000001 00000000 00000009 000003e8 00000001 00000001 *40",
        "",
        "sflow",
    ),
    (0, "01000000 *144", "", "wireguard"),
    (0, "01000000 *145", "", "unknown"),
    (
        0,
        "0102030405060708 *8 21 20 22 08 00000000 0000001c",
        "",
        "ike",
    ),
    (
        0,
        "0102030405060708 *8 21 20 22 08 00000000 0000001d",
        "",
        "unknown",
    ),
    (
        4500,
        "12345678 00000001 *40|12345678 00000002 *40",
        "",
        "esp",
    ),
    (
        4500,
        "12345678 00000001 *40|12345678 00000001 *40",
        "",
        "unknown",
    ),
    (
        0,
        "8000 000a 00000640 01020304 *20|8000 000b 000006e0 01020304 *20",
        "",
        "rtp",
    ),
    (
        0,
        "8000 000a 00000640 01020304 *20|8000 000b 000006e0 01020305 *20",
        "",
        "unknown",
    ),
    (
        0,
        "80c8 0006 01020304 *20 81ca 0003 01020304 01 04 'user' 0000",
        "",
        "rtcp",
    ),
    (
        0,
        "80c8 0007 01020304 *20 81ca 0003 01020304 01 04 'user' 0000",
        "",
        "unknown",
    ),
    (0, "0001 0000 2112a442 *12", "", "stun"),
    (0, "0001 0004 2112a442 *12", "", "unknown"),
    (0, "0002 'up.bin' 00 'octet' 00", "", "tftp"),
    (0, "0002 'up.bin' 00 'quick' 00", "", "unknown"),
    (0, "0003 0001 *512", "0004 0001", "tftp"),
    (
        0,
        "4401 0001 aabbccdd b4 'test'",
        "6445 0001 aabbccdd c0 ff 'hi'",
        "coap",
    ),
    (
        0,
        "4401 0001 aabbccdd b4 'test'",
        "6445 0002 aabbccde c0 ff 'hi'",
        "unknown",
    ),
    (0, "81 0b 000c 0120ffff00ff1008", "", "bacnet"),
    (0, "81 0b 000c 0220ffff00ff1008", "", "unknown"),
    (0, "0029 5004 00000008 0001 00ab 01 01 00 00", "", "someip"),
    (
        0,
        "ffffffffffff 010203040506 010203040506 010203040506 010203040506 010203040506 010203040506 010203040506 010203040506",
        "",
        "wol",
    ),
    (0, "02fd 0001 00000000", "", "doip"),
    (0, "38 0102030405060708 00 00000000", "", "openvpn"),
    (2123, "32 01 0004 00000000 0005 0000", "", "gtp-c"),
    (0, "0d0a 0d0a|'INVITE sip:b@b SIP/2.0' 0d0a", "", "sip"),
    (0, "'COFFEE sip:b@b SIP/2.0' 0d0a", "", "sip"),
    (0, "'invite sip: a word of a text'", "", "unknown"),
];

pub(super) fn all(protocol: u8, table: &[(u16, &str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (port, a, b, want) in table {
        let port = if *port == 0 { 40_001 } else { *port };
        let parts = |s: &str| -> Vec<Vec<u8>> { s.split('|').map(hex).collect() };
        let (a, b) = (parts(a), parts(b));
        let a: Vec<&[u8]> = a.iter().map(Vec::as_slice).collect();
        let b: Vec<&[u8]> = b.iter().map(Vec::as_slice).collect();
        // whoever is taken for the client
        for (ports, x, y) in [((40_000, port), &a, &b), ((port, 40_000), &b, &a)] {
            let got = called(protocol, ports, x, y);
            if got != *want {
                wrong.push(format!("{got} for {want}: {x:x?} {y:x?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn structure_names_streams() {
    all(6, STREAMS);
}

#[test]
fn the_middle_of_a_connection_has_a_name() {
    all(6, PARTS);
}

/// On whatever port: text that a port would name may be what stands before calls.
#[test]
fn no_port_hides_calls() {
    for head in ["ls -l\r\n", "RETR a\r\n", "+OK\r\n", "200 ok\r\n"] {
        assert_eq!(name_of(&[head.into(), Vec::new()]), None, "{head}");
    }
    let mail = ["EHLO a\r\n".into(), "220 x ESMTP\r\n".into()];
    assert_eq!(name_of(&mail), Some("smtp"));
}

#[test]
fn structure_names_datagrams() {
    all(17, DATAGRAMS);
}

/// Bytes and text by chance have no name: a name would hide calls behind them.
#[test]
fn noise_has_no_name() {
    let mut x = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_be_bytes()
    };
    let words = [
        "get ", "the ", "set ", "a ", "key ", "1 ", "stats ", "\r\n", "{\"id\":", "}", "<", ">",
        "(", ")", "=", "\n",
    ];
    let mut wrong = std::collections::BTreeMap::new();
    for n in 0..60_000u32 {
        let mut side = || -> Vec<u8> {
            let mut bytes: Vec<u8> = (0..16).flat_map(|_| next()).collect();
            match n % 3 {
                0 => {}
                // small numbers and many zeros, as heads of binary protocols have them
                1 => {
                    for pair in bytes.chunks_mut(2) {
                        pair[0] &= if pair[1] & 8 == 0 { 0 } else { 7 };
                        pair[1] &= if pair[1] & 16 == 0 { 0 } else { 7 };
                    }
                }
                _ => {
                    let text = bytes.iter().map(|b| words[usize::from(*b & 15)]);
                    bytes = text.collect::<String>().into_bytes();
                }
            }
            bytes.truncate(64);
            bytes
        };
        let (a, b) = (side(), side());
        let app = named(6, (40_000, 40_001), &a, &b);
        if app != "unknown" {
            *wrong.entry((n % 3, app)).or_insert(0u32) += 1;
        }
    }
    let of = |class: u32| {
        wrong
            .iter()
            .filter(|w| w.0.0 == class)
            .map(|w| w.1)
            .sum::<u32>()
    };
    assert!(of(0) + of(2) <= 3, "{wrong:?}");
    assert!(of(1) <= 300, "{wrong:?}");
}

#[test]
fn content_names_and_ports_only_hint() {
    assert_eq!(
        named(6, (40000, 2222), b"SSH-2.0-OpenSSH_9.2\r\n", b""),
        "ssh"
    );
    assert_eq!(
        named(6, (40000, 80), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
        "h2"
    );
    assert_eq!(
        named(
            17,
            (40000, 53),
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x00\x00\x01\x00\x01",
            b""
        ),
        "dns"
    );
    assert_eq!(
        named(6, (40000, 6380), b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
        "redis"
    );
    assert_eq!(
        named(17, (40000, 443), b"\xc3\x00\x00\x00\x01\x08aaaaaaaa", b""),
        "quic"
    );
    assert_eq!(
        named(
            17,
            (40000, 8443),
            b"\x0d\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01\x02",
            b""
        ),
        "quic"
    );
    assert_eq!(
        named(17, (40000, 8443), b"\xc3\x12\x34\x56\x78\x08aaaaaaaa", b""),
        "unknown"
    );
    assert_eq!(named(6, (40000, 3306), b"garbage", b""), "mysql");
    assert_eq!(named(6, (40000, 7777), b"garbage", b""), "unknown");
    for (number, name) in [
        (1, "icmp"),
        (58, "icmpv6"),
        (2, "igmp"),
        (132, "sctp"),
        (47, "gre"),
    ] {
        let flow = met(number, (0, 0), &[b"x"], &[b""]);
        let why = format!("{name} is not decoded");
        assert_eq!((flow.app, flow.why_opaque), (name, Some(why)));
    }
    assert_eq!(named(200, (0, 0), b"x", b""), "unknown");
    assert_eq!(named(89, (0, 0), b"x", b""), "ospf");
}
