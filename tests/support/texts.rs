//! Bodies without classed values, for searches of text: orders in JSON with words of a seeded vocabulary, Chinese included.

use super::random::Random;

const WORDS: [&str; 24] = [
    "warehouse",
    "Priority",
    "shipment",
    "returned",
    "pending",
    "Konto",
    "straße",
    "Über",
    "reason",
    "damaged",
    "北京仓库",
    "已发货",
    "加急",
    "客户要求改期",
    "上海浦东",
    "sku",
    "KELVIN",
    "Miſter",
    "\u{212a}elvin",
    "mask",
    "express",
    "notes",
    "blue",
    "container",
];

/// Words that a case is made of: some are met everywhere, most hardly ever.
pub struct Vocabulary(Vec<String>);

impl Vocabulary {
    pub fn new(r: &mut Random, n: usize) -> Vocabulary {
        let letters: Vec<char> = "abcdefghijklmnoprstuvwz".chars().collect();
        let chinese: Vec<char> = "订单仓库发货客户地址备注数量金额状态物流配送商品规格批次"
            .chars()
            .collect();
        let word = |r: &mut Random| -> String {
            let (from, len) = if r.chance(25) {
                (&chinese, 2 + r.below(4))
            } else {
                (&letters, 3 + r.below(8))
            };
            (0..len).map(|_| *r.pick(from)).collect()
        };
        let mut all: Vec<String> = WORDS.iter().map(|w| (*w).to_owned()).collect();
        all.extend((0..n).map(|_| word(r)));
        Vocabulary(all)
    }

    fn word(&self, r: &mut Random) -> &str {
        // the square makes the first words the common ones
        let n = self.0.len() as u64;
        let at = r.below(n) * r.below(n) / n;
        self.0.get(at as usize).map_or("", String::as_str)
    }

    /// A body of about `len` bytes.
    pub fn json(&self, r: &mut Random, len: usize) -> String {
        let mut out = String::with_capacity(len + 200);
        out.push_str("{\"orders\":[");
        while out.len() < len {
            if !out.ends_with('[') {
                out.push(',');
            }
            out.push_str("{\"order_no\":\"");
            out.push_str(&r.digits(14));
            out.push_str("\",\"status\":\"");
            out.push_str(r.pick::<&str>(&[
                "PAID",
                "SHIPPED",
                "RETURNED",
                "CANCELLED",
                "PENDING_REVIEW",
            ]));
            out.push_str("\",\"currency\":\"CNY\",\"created_at\":\"2026-");
            out.push_str(&format!(
                "{:02}-{:02}T{:02}:{:02}:{:02}+08:00",
                1 + r.below(12),
                1 + r.below(28),
                r.below(24),
                r.below(60),
                r.below(60)
            ));
            out.push_str("\",\"warehouse\":{\"id\":");
            out.push_str(&r.below(40).to_string());
            out.push_str(",\"name\":\"");
            out.push_str(r.pick::<&str>(&["North Hub", "北京仓库", "上海浦东", "Hamburg 2"]));
            out.push_str("\"},\"trace\":\"");
            out.push_str(&r.hex(16));
            out.push_str("\",\"items\":[{\"sku\":\"SKU-");
            out.push_str(&r.below(5000).to_string());
            out.push_str("\",\"quantity\":");
            out.push_str(&r.below(9).to_string());
            out.push_str(",\"discount\":null,\"gift\":false}],\"amount\":");
            out.push_str(&r.below(100_000).to_string());
            out.push_str(",\"note\":\"");
            for _ in 0..6 {
                out.push_str(self.word(r));
                out.push(' ');
            }
            out.push_str("\"}");
        }
        out.push_str("]}");
        out
    }
}
