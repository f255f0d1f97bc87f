//! Which addresses count as inside. In: networks as the user gave them. Out: a test per address.
//! Bounds: as many networks as were given; IPv4 is compared as IPv4 also where it came mapped into IPv6.

use crate::error::{Error, Result};
use std::net::{IpAddr, Ipv6Addr};

/// Networks that count as inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside(Vec<(u128, u32)>);

/// An address as 128 bits, IPv4 mapped into IPv6: the form of the case's address blobs.
pub fn bits(a: IpAddr) -> u128 {
    match a {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The address of 128 bits, IPv4 where it was mapped.
pub fn address(bits: u128) -> IpAddr {
    Ipv6Addr::from_bits(bits).to_canonical()
}

impl Default for Inside {
    /// Private (RFC 1918, RFC 6598), unique local (RFC 4193), loopback and link-local networks.
    fn default() -> Inside {
        let nets = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "fc00::/7",
            "::1/128",
            "fe80::/10",
        ];
        Inside(nets.iter().filter_map(|n| network(n)).collect())
    }
}

impl Inside {
    /// From networks in CIDR form or single addresses; an empty list gives the default.
    ///
    /// # Errors
    /// [`Error::Usage`] for text that is neither.
    pub fn parse<S: AsRef<str>>(nets: &[S]) -> Result<Inside> {
        if nets.is_empty() {
            return Ok(Inside::default());
        }
        let mut out = Vec::new();
        for n in nets {
            let n = n.as_ref().trim();
            out.push(network(n).ok_or_else(|| Error::Usage {
                msg: format!(
                    "--inside: '{n}' is not a network (write 10.0.0.0/8 or 2001:db8::/32)"
                ),
                at: None,
            })?);
        }
        Ok(Inside(out))
    }

    /// Whether an address counts as inside.
    pub fn has(&self, a: IpAddr) -> bool {
        self.has_bits(bits(a))
    }

    /// The same for [`bits`].
    pub fn has_bits(&self, a: u128) -> bool {
        self.0.iter().any(|(net, len)| {
            let mask = u128::MAX.checked_shl(128 - *len).unwrap_or(0);
            a & mask == *net & mask
        })
    }
}

fn network(text: &str) -> Option<(u128, u32)> {
    let (addr, len) = match text.split_once('/') {
        Some((a, l)) => (a, Some(l.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let addr: IpAddr = addr.parse().ok()?;
    let (width, shift) = if addr.is_ipv4() { (32, 96) } else { (128, 0) };
    let len = len.unwrap_or(width);
    (len <= width).then_some((bits(addr), len + shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_and_given_networks() {
        let d = Inside::default();
        for a in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.9.9",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(d.has(a.parse().unwrap()), "{a}");
        }
        for a in ["8.8.8.8", "172.32.0.1", "2001:db8::1"] {
            assert!(!d.has(a.parse().unwrap()), "{a}");
        }
        let g = Inside::parse(&["203.0.113.0/24", "2001:db8::/32", "0.0.0.0/0"]).unwrap();
        assert!(g.has("2001:db8::5".parse().unwrap()) && g.has("10.0.0.1".parse().unwrap()));
        assert!(!g.has("2001:db9::5".parse().unwrap()));
        assert!(Inside::parse(&["10.0.0.0/33"]).is_err() && Inside::parse(&["x"]).is_err());
        assert_eq!(
            address(bits("10.0.0.1".parse().unwrap())).to_string(),
            "10.0.0.1"
        );
    }
}
