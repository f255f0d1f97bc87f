//! The scanner: walks content by its kind and judges every value under its key.
//! In: content, heads, targets. Out: [`Facts`]. Bounds: linear time; see [`sink`] for memory. Binary content is not looked at.

mod charset;
mod extent;
mod field;
mod head;
mod heading;
mod json;
mod key;
mod markup;
mod multipart;
mod program;
mod protobuf;
mod rows;
mod sink;
#[cfg(test)]
mod speed;
mod sse;
mod table;
mod text;

use super::print::PrintKey;
use super::rules::Rules;
use super::value::Judge;
use crate::body::protobuf::schema::Schema;
use crate::call::model::{Facts, Message};
use sink::Sink;
use std::sync::Arc;

/// Scans bodies and heads; one a thread. What it has learnt of keys stays between bodies and never changes a result.
pub struct Scanner {
    sink: Sink,
}

impl Scanner {
    /// A scanner for one rule set and one case's key.
    pub fn new(rules: Arc<Rules>, key: PrintKey) -> Scanner {
        Scanner {
            sink: Sink::new(Judge::new(rules, key)),
        }
    }
    /// Scans decoded content of a kind that [`crate::body::sniff::kind`] gave. Offsets are in `content`.
    pub fn scan_body(&mut self, bytes: &[u8], kind: &str, media_type: Option<&str>) -> Facts {
        self.scan_message(bytes, kind, media_type, None)
    }
    /// As [`Scanner::scan_body`], with the type of the messages that the body consists of, where one is known.
    pub fn scan_message(
        &mut self,
        bytes: &[u8],
        kind: &str,
        media_type: Option<&str>,
        schema: Option<(&Schema, usize)>,
    ) -> Facts {
        if let Some(text) = charset::text(bytes, kind, media_type) {
            self.sink.begin();
            content(&mut self.sink, text.as_bytes(), kind, media_type, 0);
            let mut facts = self.sink.end();
            charset::back(&mut facts, bytes, &text);
            return facts;
        }
        self.sink.begin();
        match kind {
            "grpc" => protobuf::framed(&mut self.sink, bytes, schema),
            "protobuf" => protobuf::single(&mut self.sink, bytes, schema),
            _ => content(&mut self.sink, bytes, kind, media_type, 0),
        }
        self.sink.end()
    }
    /// Takes facts back that nobody needs any more: the memory of their list serves for the next body.
    pub fn recycle(&mut self, facts: Facts) {
        self.sink.recycle(facts);
    }
    /// Scans target, headers and trailers of a request; offsets are in its head and go on in its trailers.
    pub fn scan_request(&mut self, m: &Message) -> Facts {
        self.sink.begin();
        head::message(&mut self.sink, m, 0);
        self.sink.end()
    }
    /// Scans the headers and trailers of a response, and the headers of interim ones, whose offsets go on behind them.
    pub fn scan_response_heads(&mut self, m: Option<&Message>, interim: &[Message]) -> Facts {
        self.sink.begin();
        let mut at = 0;
        for m in m.into_iter().chain(interim) {
            head::message(&mut self.sink, m, at);
            at += m.head.len() + m.trailers.len();
        }
        self.sink.end()
    }
    /// Scans a request target alone, as logs have it; offsets are in `uri`.
    pub fn scan_uri(&mut self, uri: &str) -> Facts {
        self.sink.begin();
        head::target(&mut self.sink, uri.as_bytes(), 0);
        self.sink.end()
    }
}

/// Walks content of a kind; `depth` counts bodies inside bodies.
fn content(s: &mut Sink, bytes: &[u8], kind: &str, media_type: Option<&str>, depth: usize) {
    match kind {
        "json" => json::body(s, bytes),
        "ndjson" => json::lines(s, bytes, 0, 0),
        "xml" => markup::xml_body(s, bytes),
        "html" => markup::html_body(s, bytes),
        "form" => rows::form(s, bytes),
        "multipart" => multipart::body(s, bytes, depth),
        "csv" => rows::delimited(s, bytes, media_type, "csv"),
        "xlsx" => rows::workbook(s, bytes),
        "sheets" => rows::sheets(s, bytes),
        "text" => text::body(s, bytes, 0),
        "sse" => sse::body(s, bytes),
        "grpc" => protobuf::framed(s, bytes, None),
        "protobuf" => protobuf::single(s, bytes, None),
        _ => {}
    }
}
