//! Which addresses are inside the estate that is looked at. In: an address, and networks in CIDR form.
//! Out: yes or no. Bounds: a linear walk over the networks given.

use crate::error::{Error, Result};
use std::net::IpAddr;

/// Networks that count as inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Prefix in the IPv6 space (IPv4 mapped) and its length in bits, 0 to 128.
    nets: Vec<(u128, u32)>,
}

/// Private (RFC 1918), shared by carriers (RFC 6598), loopback, link-local, ULA (RFC 4193).
const DEFAULT: [&str; 10] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "0.0.0.0/32",
    "::1/128",
    "fe80::/10",
    "fc00::/7",
];

impl Default for Inside {
    fn default() -> Self {
        Inside {
            nets: DEFAULT.iter().filter_map(|t| parse_net(t)).collect(),
        }
    }
}

impl Inside {
    /// From networks (`10.0.0.0/8`, `2001:db8::/32`, or a single address); empty for the default.
    /// A text is also a list: commas, spaces and lines divide it, `#` starts a comment to the end of its line.
    ///
    /// # Errors
    /// [`Error::Usage`] names the first word that is not a network.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Inside> {
        let mut nets = Vec::new();
        for line in texts.iter().flat_map(|t| t.as_ref().lines()) {
            let line = line.split('#').next().unwrap_or("");
            for word in line.split([',', ' ', '\t']).filter(|w| !w.is_empty()) {
                nets.push(parse_net(word).ok_or_else(|| Error::Usage {
                    msg: format!(
                        "not a network: {} (like 10.0.0.0/8 or 2001:db8::/32)",
                        crate::call::text::visible(word)
                    ),
                    at: None,
                })?);
            }
        }
        Ok(if nets.is_empty() {
            Inside::default()
        } else {
            Inside { nets }
        })
    }

    /// Whether the address is inside.
    pub fn contains(&self, addr: IpAddr) -> bool {
        let a = bits(addr);
        self.nets.iter().any(|(p, n)| (a ^ p) & mask(*n) == 0)
    }
}

/// An address in the IPv6 space; IPv4 and IPv4-mapped are one.
fn bits(a: IpAddr) -> u128 {
    match a {
        IpAddr::V4(v) => v.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v) => v.to_bits(),
    }
}

fn mask(n: u32) -> u128 {
    // A shift by 128 is no shift: length 0 needs its own answer.
    if n == 0 {
        0
    } else {
        u128::MAX << (128 - n.min(128))
    }
}

fn parse_net(text: &str) -> Option<(u128, u32)> {
    let (addr, len) = match text.split_once('/') {
        Some((a, n)) => (a, Some(n.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let addr: IpAddr = addr.parse().ok()?;
    let (width, shift) = if addr.is_ipv4() { (32, 96) } else { (128, 0) };
    let len = len.unwrap_or(width);
    (len <= width).then(|| {
        let n = len + shift;
        (bits(addr) & mask(n), n)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_knows_what_is_private() {
        let i = Inside::default();
        for a in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(i.contains(a.parse().unwrap()), "{a}");
        }
        for a in ["8.8.8.8", "172.32.0.1", "203.0.113.8", "2001:db8::1"] {
            assert!(!i.contains(a.parse().unwrap()), "{a}");
        }
    }

    #[test]
    fn given_networks_replace_the_default() {
        let i = Inside::parse(&["203.0.113.0/24, 2001:db8::/32 # ours\n198.51.100.7"]).unwrap();
        assert!(i.contains("203.0.113.9".parse().unwrap()));
        assert!(i.contains("2001:db8:1::1".parse().unwrap()));
        assert!(i.contains("198.51.100.7".parse().unwrap()));
        assert!(!i.contains("198.51.100.8".parse().unwrap()));
        assert!(!i.contains("10.0.0.1".parse().unwrap()));
        assert!(Inside::parse(&["10.0.0.0/33"]).is_err());
        assert!(
            Inside::parse(&["0.0.0.0/0"])
                .unwrap()
                .contains("9.9.9.9".parse().unwrap())
        );
        assert!(Inside::parse::<&str>(&[]).unwrap() == Inside::default());
    }
}
