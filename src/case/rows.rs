//! Values of the model as SQLite columns and back. In: numbers and addresses. Out: the other form. Bounds: numbers above
//! 63 bits become the largest that fits.

use std::net::{IpAddr, Ipv6Addr};

/// A count or offset as a column.
pub fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A row id of the term table as findings hold it.
pub fn narrow(id: i64) -> u32 {
    u32::try_from(id).unwrap_or(u32::MAX)
}

/// An address as a column: 16 bytes, IPv4 mapped into IPv6.
pub fn addr(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The address that a column holds; `None` for other bytes.
pub fn addr_from(bytes: &[u8]) -> Option<IpAddr> {
    let v6 = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
    Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        for text in ["10.0.0.1", "::1", "2001:db8::5", "255.255.255.255"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(addr_from(&addr(ip)), Some(ip));
        }
        assert_eq!(addr_from(&[1, 2, 3]), None);
        assert_eq!(int(u64::MAX), i64::MAX);
    }
}
