//! Names for parameters of a template. In: a template with `{id}` in it. Out: a name for each parameter, unique in the template.
//! Bounds: linear in segments.

use super::words;

/// `{userId}` for the parameter behind `users`; `{date}` and `{file}` keep their names.
pub fn parameters(route: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut before = String::new();
    for seg in route.split('/').filter(|s| !s.is_empty()) {
        let (Some(open), Some(close)) = (seg.find('{'), seg.rfind('}')) else {
            before = seg.to_owned();
            continue;
        };
        let inner = seg.get(open + 1..close).unwrap_or("id");
        let base = match inner {
            "id" if before.is_empty() => "id".to_owned(),
            "id" => format!("{}Id", singular(&before)),
            other => other.to_owned(),
        };
        let mut name = base.clone();
        let mut n = 2;
        while out.contains(&name) {
            name = format!("{base}{n}");
            n += 1;
        }
        out.push(name);
    }
    out
}

/// `order-items` as `orderItem`; what is not made of ASCII letters stays.
fn singular(word: &str) -> String {
    if !word.is_ascii() {
        return word.chars().filter(|c| c.is_alphanumeric()).collect();
    }
    let mut pieces = words::pieces(word);
    if let Some(last) = pieces.last_mut() {
        let one = if let Some(stem) = last.strip_suffix("ies").filter(|s| s.len() > 1) {
            Some(format!("{stem}y"))
        } else if last.ends_with("sses")
            || last.ends_with("xes")
            || last.ends_with("ches")
            || last.ends_with("shes")
        {
            last.strip_suffix("es").map(str::to_owned)
        } else if words::plural(last) {
            last.strip_suffix('s').map(str::to_owned)
        } else {
            None
        };
        if let Some(one) = one {
            *last = one;
        }
    }
    let mut out = String::new();
    for p in pieces {
        let letters: String = p.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut c = letters.chars();
        match c.next() {
            Some(first) if !out.is_empty() => out.extend(first.to_uppercase().chain(c)),
            Some(first) => out.extend(std::iter::once(first).chain(c)),
            None => {}
        }
    }
    if out.is_empty() { "path".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn parameters_are_named_after_what_stands_before() {
        for (route, want) in [
            ("/users/{id}/orders/{id}", "userId orderId"),
            ("/policies/{id}", "policyId"),
            ("/{id}/{id}", "id id2"),
            ("/reports/{date}", "date"),
            ("/order-items/{id}.json", "orderItemId"),
            ("/客户/{id}", "客户Id"),
            ("/a/{id}/a/{id}", "aId aId2"),
            ("/addresses/{id}/boxes/{id}", "addressId boxId"),
        ] {
            assert_eq!(parameters(route).join(" "), want, "{route}");
        }
    }
}
