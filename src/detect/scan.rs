//! The scanner. In: content, heads, targets. Out: [`Facts`]. Bounds: see the module's page.

use super::print::PrintKey;
use super::rules::Rules;
use crate::call::model::{Facts, Message};
use std::sync::Arc;

/// Scans bodies and heads; one a thread. What it has learnt of keys stays between bodies and never changes a result.
pub struct Scanner {
    _rules: Arc<Rules>,
    _key: PrintKey,
}

impl Scanner {
    /// A scanner for one rule set and one case's key.
    pub fn new(rules: Arc<Rules>, key: PrintKey) -> Scanner {
        Scanner {
            _rules: rules,
            _key: key,
        }
    }
    /// Scans decoded content of a kind that [`crate::body::sniff::kind`] gave.
    pub fn scan_body(&mut self, _content: &[u8], _kind: &str, _media_type: Option<&str>) -> Facts {
        Facts::default()
    }
    /// Scans target and headers of a request; offsets are in its head.
    pub fn scan_request(&mut self, _m: &Message) -> Facts {
        Facts::default()
    }
    /// Scans the headers of a response.
    pub fn scan_response_head(&mut self, _m: &Message) -> Facts {
        Facts::default()
    }
    /// Scans a request target alone, as logs have it; offsets are in `uri`.
    pub fn scan_uri(&mut self, _uri: &str) -> Facts {
        Facts::default()
    }
}
