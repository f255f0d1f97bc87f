//! A call as the deciding of facts holds it: numbers only, one entry a call for all calls of a case.
//! In: rows of the case. Out: the fields that rules compare. Bounds: about 200 bytes a call.

/// No index, no row.
pub const NONE: u32 = u32::MAX;

/// One call. `*_id` are terms of the case; addresses, paths and so on are indexes into tables beside the list.
#[derive(Debug, Clone, Copy)]
pub struct CallLine {
    /// Row in the case.
    pub id: i64,
    /// First byte of the request, nanoseconds.
    pub ts: i64,
    /// Last byte of the response; [`i64::MIN`] where it is not known.
    pub end: i64,
    /// Client address index, [`NONE`] for unknown.
    pub src: u32,
    /// Server address index.
    pub dst: u32,
    /// Client port, 0 for unknown.
    pub sport: u16,
    /// Server port.
    pub dport: u16,
    /// Source, as an index.
    pub source: u32,
    /// Flow row, 0 for none.
    pub flow: i64,
    /// TCP sequence numbers of the first bytes of request and response, 32 bits each, 0 for unknown.
    pub seq: u64,
    /// In how many ways it is not whole.
    pub holes: u8,
    /// Position in the flow.
    pub ord: u32,
    /// Position in the flow of the call that this one came of, [`NONE`] for none.
    pub of: u32,
    /// Method term, 0 for none.
    pub method: u32,
    /// Host term, 0 for none.
    pub host: u32,
    /// User agent term, 0 for none.
    pub ua: u32,
    /// Distinct path index.
    pub path: u32,
    /// Status, 0 for none.
    pub status: u16,
    /// Protocol number.
    pub proto: u8,
    /// Whether it was decrypted.
    pub tls: bool,
    /// Whether it is known from a log alone.
    pub log: bool,
    /// Print of the request target as sent, 0 for none.
    pub target: u64,
    /// The same of the target without its query, as some logs write it.
    pub bare: u64,
    /// Trace id index, [`NONE`] for none.
    pub trace: u32,
    /// A number that may walk: last integer of the path, else of an id parameter; [`i64::MIN`] for none.
    pub number: i64,
    /// Strongest credential's print, 0 for none.
    pub cred: u64,
    /// Its kind, index into [`super::identity::VIA`].
    pub cred_kind: u8,
    /// Request body row, 0 for none.
    pub req_body: i64,
    /// Response body row.
    pub resp_body: i64,
    /// Bytes of the response's body, as captured or as a log says; [`NONE`] for unknown, or that many.
    pub size: u32,

    // decided
    /// API index.
    pub api: u32,
    /// Account index.
    pub account: u32,
    /// 0..=1.
    pub conf: f32,
    /// Index into [`super::identity::VIA`].
    pub via: u8,
    /// Index of the call that shows whose it is.
    pub proof: u32,
    /// Whether account and way were carried in from the call that caused this one.
    pub carried: bool,
    /// Session index.
    pub session: u32,
    /// Name index of whom it acts for.
    pub behalf: u32,
    /// Index of the call that caused it.
    pub parent: u32,
    /// Index of the call that this line, entry or copy at another tap is.
    pub joined: u32,
    /// Classes found, as bits; clear and masked apart.
    pub clear: u64,
    /// Classes found masked.
    pub masked: u64,
    /// ... of which came with the response, clear.
    pub resp_clear: u64,
    /// ... and masked.
    pub resp_masked: u64,
    /// Distinct records with an accepted finding.
    pub records: u32,
    /// ... of which came with the response.
    pub resp_records: u32,
    /// Accepted findings.
    pub findings: u32,
    /// 0..=4.
    pub level: u8,
    /// Secrets by place, see [`super::risks`].
    pub secrets: u8,
}

/// Adds to a list with one entry a call. It grows fourfold: what is not written into yet costs nothing, and a list that doubles is
/// copied more often than it is read.
pub fn add_to<T>(list: &mut Vec<T>, entry: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((3 * list.len()).max(4096));
    }
    list.push(entry);
}

impl CallLine {
    /// A call of which nothing is known.
    pub fn new(id: i64, ts: i64) -> CallLine {
        CallLine {
            id,
            ts,
            end: i64::MIN,
            src: NONE,
            dst: NONE,
            sport: 0,
            dport: 0,
            source: 0,
            flow: 0,
            seq: 0,
            holes: 0,
            ord: 0,
            of: NONE,
            method: 0,
            host: 0,
            ua: 0,
            path: NONE,
            status: 0,
            proto: 0,
            tls: false,
            log: false,
            target: 0,
            bare: 0,
            trace: NONE,
            number: i64::MIN,
            cred: 0,
            cred_kind: 0,
            req_body: 0,
            resp_body: 0,
            size: NONE,
            api: NONE,
            account: NONE,
            conf: 0.0,
            via: 0,
            proof: NONE,
            carried: false,
            session: NONE,
            behalf: NONE,
            parent: NONE,
            joined: NONE,
            clear: 0,
            masked: 0,
            resp_clear: 0,
            resp_masked: 0,
            records: 0,
            resp_records: 0,
            findings: 0,
            level: 0,
            secrets: 0,
        }
    }
    /// Whether it runs behind a gateway whose call is there too, so that what it carried was counted already. A message of
    /// a WebSocket runs where its upgrade does.
    pub fn inner(&self, calls: &[CallLine]) -> bool {
        if self.of == NONE {
            return self.parent != NONE;
        }
        calls
            .get(self.parent as usize)
            .is_some_and(|p| p.of == NONE && p.parent != NONE)
    }
    /// Whether it was captured: neither a line of a log nor an entry of another tool.
    pub fn captured(&self) -> bool {
        !self.log && self.flow != 0
    }
    /// Whether another tool kept it.
    pub fn entry(&self) -> bool {
        !self.log && self.flow == 0
    }
    /// Last known time of the call.
    pub fn last(&self) -> i64 {
        self.end.max(self.ts)
    }
    /// How long it took, in nanoseconds; 0 where no end is known.
    pub fn took(&self) -> i64 {
        self.last().saturating_sub(self.ts)
    }
}
