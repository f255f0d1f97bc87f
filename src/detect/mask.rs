//! Masks: reading masked values, and masking values for display.
//! In: a value. Out: its visible ends and length ([`read`]), or the value with its middle hidden ([`show`], [`redact`]).
//! Bounds: one pass.

/// The value masked for display, by the usual habit of its class: enough stays to tell two values apart, not enough to use it.
pub fn show(class_name: &str, value: &str) -> String {
    let n = value.chars().count();
    let (head, tail) = match class_name {
        "password" | "private-key" => return "*".repeat(8),
        "cloud-key" | "api-key" | "session-token" | "jwt" => {
            return if n > 12 {
                format!("{}********", value.chars().take(4).collect::<String>())
            } else {
                "*".repeat(8)
            };
        }
        "email" => {
            let (local, domain) = value.split_once('@').unwrap_or((value, ""));
            let first: String = local.chars().take(1).collect();
            return if domain.is_empty() {
                format!("{first}***")
            } else {
                format!("{first}***@{domain}")
            };
        }
        "name" => (1, usize::from(n > 2 && !value.is_ascii())),
        "address" => (if value.is_ascii() { 4 } else { 6 }, 0),
        "birth-date" => (4, 0),
        "gps" => (3, 0),
        "cn-id" => (6, 4),
        "bank-card" | "iban" => (4, 4),
        "cn-mobile" => {
            let digits = value.chars().take_while(|c| !c.is_ascii_digit()).count();
            (digits + 3, 4)
        }
        "phone" | "cn-uscc" => (3, 2),
        "us-ssn" => (0, 4),
        "cn-plate" => (2, 2),
        "cn-passport" => (1, 2),
        _ => (1, 1),
    };
    // Where little would stay hidden, more is.
    let (head, tail) = if head + tail + 2 > n {
        (n.min(3) / 3 + usize::from(n == 2), 0)
    } else {
        (head, tail)
    };
    value
        .chars()
        .enumerate()
        .map(|(i, c)| {
            if i < head || i + tail >= n || matches!(c, ' ' | '-') {
                c
            } else {
                '*'
            }
        })
        .collect()
}

/// `text` with the given byte spans masked by class; `class` turns a number into a name. Spans outside the text or across a character
/// are widened to whole characters; of overlapping ones the first wins and the rest of the second is hidden too.
pub fn redact(text: &str, spans: &[(usize, usize, u8)], class: &dyn Fn(u8) -> String) -> String {
    let mut spans: Vec<_> = spans.to_vec();
    spans.sort_unstable();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (from, to, c) in spans {
        let mut from = from.clamp(at, text.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        let mut to = to.min(text.len());
        while !text.is_char_boundary(to) {
            to += 1;
        }
        if to <= from {
            continue;
        }
        out.push_str(text.get(at..from).unwrap_or(""));
        out.push_str(&show(&class(c), text.get(from..to).unwrap_or("")));
        at = to;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}
