//! Writes HTTP/2: frames, header blocks with and without a table. It is an encoder of its own, so that what is expected stands
//! beside what was sent.

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut f = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    f.extend([kind, flags]);
    f.extend(stream.to_be_bytes());
    f.extend(payload);
    f
}

pub fn string(s: &str) -> Vec<u8> {
    let mut v = Vec::new();
    int(&mut v, 0, 7, s.len());
    v.extend(s.as_bytes());
    v
}

pub fn int(v: &mut Vec<u8>, first: u8, bits: u32, mut n: usize) {
    let mask = (1 << bits) - 1;
    if n < mask {
        return v.push(first | n as u8);
    }
    v.push(first | mask as u8);
    n -= mask;
    while n >= 128 {
        v.push(128 | (n % 128) as u8);
        n /= 128;
    }
    v.push(n as u8);
}

/// Fields without any table.
pub fn plain(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut v = Vec::new();
    for (n, value) in fields {
        v.push(0);
        v.extend(string(n));
        v.extend(string(value));
    }
    v
}

/// An encoder with a table, newest first.
pub struct Encoder {
    table: Vec<(String, String)>,
    max: usize,
}

impl Encoder {
    pub fn new() -> Encoder {
        Encoder {
            table: Vec::new(),
            max: 4096,
        }
    }
    pub fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut v = Vec::new();
        for (n, value) in fields {
            if (*n, *value) == (":method", "GET") {
                v.push(0x82);
            } else if (*n, *value) == (":status", "200") {
                v.push(0x88);
            } else if let Some(at) = self.table.iter().position(|e| e.0 == *n && e.1 == *value) {
                int(&mut v, 0x80, 7, 62 + at);
            } else {
                match self.table.iter().position(|e| e.0 == *n) {
                    Some(at) => int(&mut v, 0x40, 6, 62 + at),
                    None => {
                        v.push(0x40);
                        v.extend(string(n));
                    }
                }
                v.extend(string(value));
                self.table.insert(0, (n.to_string(), value.to_string()));
                let size = |t: &[(String, String)]| {
                    t.iter().map(|e| e.0.len() + e.1.len() + 32).sum::<usize>()
                };
                while size(&self.table) > self.max {
                    self.table.pop();
                }
            }
        }
        v
    }
}

pub fn get(path: &str) -> Vec<u8> {
    plain(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "h"),
        (":path", path),
    ])
}

pub fn client() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])].concat()
}

pub fn server() -> Vec<u8> {
    [
        frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
        frame(SETTINGS, 1, 0, &[]),
    ]
    .concat()
}

pub fn ok(stream: u32, body: &str) -> Vec<u8> {
    [
        frame(HEADERS, END_HEADERS, stream, &plain(&[(":status", "200")])),
        frame(DATA, END_STREAM, stream, body.as_bytes()),
    ]
    .concat()
}

pub fn padded(kind: u8, flags: u8, stream: u32, payload: &[u8], pad: u8) -> Vec<u8> {
    let mut p = vec![pad];
    p.extend(payload);
    p.extend(vec![0; usize::from(pad)]);
    frame(kind, flags | 8, stream, &p)
}
