//! Names of the family [`super::apart`]: what they are called, and that what looks alike is not.

use super::tests::all;

const STREAMS: &[(u16, &str, &str, &str)] = &[
    (
        0,
        "'MSRP d93kswow SEND' 0d0a 'To-Path: msrp://b'",
        "",
        "msrp",
    ),
    (0, "", "'MSRP d93kswow 200 OK' 0d0a", "msrp"),
    (0, "'MSRP is a price' 0d0a", "", "unknown"),
    (0, "'MRCP/2.0 118 SET-PARAMS 543256' 0d0a", "", "mrcp"),
    (0, "'MRCP/2.0 rocks' 0d0a", "", "unknown"),
    (
        0,
        "20 0b 0000 00000001 000a 0014",
        "20 0c 0001 00000001 000a 0014 0a040102",
        "bfcp",
    ),
    (
        0,
        "20 0b 0000 00000001 000a 0014",
        "20 0c 0001 00000001 000b 0014 0a040102",
        "unknown",
    ),
    (
        0,
        "'{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}' 0a",
        "",
        "json-rpc",
    ),
    (
        0,
        "'Content-Length: 36' 0d0a0d0a '{\"jsonrpc\":\"2.0\"'",
        "",
        "json-rpc",
    ),
    (0, "'{\"text\":\"jsonrpc\"}' 0a", "", "unknown"),
    (0, "", "'<<<check_mk>>>' 0a 'Version: 2.0'", "checkmk"),
    (
        0,
        "'1 open 85 relp_version=0' 0a 'relp_software=x'",
        "",
        "relp",
    ),
    (0, "'1 open 85 doors' 0a", "", "unknown"),
    (0, "", "'OK MPD 0.23.5' 0a", "mpd"),
    (0, "", "'OK MPD is off' 0a", "unknown"),
    (
        0,
        "'SOURCE pw /MNT' 0d0a 'Source-Agent: NTRIP s/1' 0d0a0d0a",
        "",
        "ntrip",
    ),
    (0, "'SOURCE pw /MNT' 0d0a0d0a", "'ICY 200 OK' 0d0a", "ntrip"),
    (0, "'SOURCE pw /MNT' 0d0a0d0a", "'no' 0d0a", "unknown"),
    (
        0,
        "'abcdefghijklmnopqrstuvwxyz234567abcd' 00",
        "09",
        "iperf",
    ),
    (
        0,
        "'abcdefghijklmnopqrstuvwxyz234567abcd' 00 '1234'",
        "",
        "iperf",
    ),
    (
        0,
        "'abcdefghijklmnopqrstuvwxyzabcdefabcd' 00",
        "",
        "unknown",
    ),
    (
        0,
        "'abcdefghijklmnopqrstuvwxyz234567ABCD' 00",
        "",
        "unknown",
    ),
    (0, "0008 0000 00000014 *20", "0088 0000 00000000", "rpcap"),
    (0, "0008 0000 00000014 *20", "0089 0000 00000000", "unknown"),
    (0, "'NXSH-8.10.1' 0a", "'NXSH-8.10.1' 0a", "nomachine"),
    (
        0,
        "8092 0000 00000000 00000000 01020304 *8",
        "8192 0000 00000000 00000000 01020304 *8",
        "memcached",
    ),
    (
        0,
        "8092 0000 00000000 00000000 01020304 *8",
        "8192 0000 00000000 00000000 01020305 *8",
        "unknown",
    ),
    (
        0,
        "00008000 80000000 *120",
        "01008000 80000000 *120",
        "nvme-tcp",
    ),
    (
        0,
        "00008000 80000000 *120",
        "02008000 80000000 *120",
        "unknown",
    ),
    (
        0,
        "0111 8005 00000000",
        "0111 0005 00000000 00000000",
        "usbip",
    ),
    (
        0,
        "0111 8005 00000000",
        "0111 0003 00000000 00000000",
        "unknown",
    ),
    (10_001, "01 'I20100' 0a", "", "atg"),
    (10_001, "01 'In2010' 0a", "", "unknown"),
    (1153, "60 0a a203 060155 a803020101", "", "c1222"),
    (0, "60 0a a203 060155 a803020101", "", "unknown"),
];

const DATAGRAMS: &[(u16, &str, &str, &str)] = &[
    (0, "0102030405060708 *60", "'r6fnvWj8' *60", "dnscrypt"),
    (0, "0b 04 04 01 000a 'abcde'", "03 05 00", "mqtt-sn"),
    (0, "0c 04 04 01 000a 'abcde'", "03 05 00", "unknown"),
    (
        0,
        "02 3009 0062 1234 075bcd15 *40 03",
        "02 3009 0062 1234 075bcd15 *60 03",
        "oicq",
    ),
    (
        0,
        "02 3009 0062 1234 075bcd15 *40 03",
        "02 3009 0062 1235 075bcd15 *60 03",
        "unknown",
    ),
    (1628, "0014 01 01 00 02 0000 *12", "", "cnp-ip"),
    (1628, "0015 01 01 00 02 0000 *12", "", "unknown"),
    (5050, "0000000d 00 00 0001 00 00 00 1234", "", "ethersbus"),
    (5050, "0000000e 00 00 0001 00 00 00 1234", "", "unknown"),
    (30_303, "01020304 *100", "", "ethereum"),
];

#[test]
fn what_stands_apart_has_names() {
    all(6, STREAMS);
    all(17, DATAGRAMS);
}
