//! The data classes that every build knows, as a type: their number is their place in `rules/builtin.toml`.
//! In: nothing. Out: names and numbers. Bounds: 20 classes; a user's own classes follow from number 20 on.

/// A built-in data class. `Kind as u8` is its class number in every rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// `password`
    Password = 0,
    /// `private-key`
    PrivateKey = 1,
    /// `cloud-key`
    CloudKey = 2,
    /// `api-key`
    ApiKey = 3,
    /// `cn-id`
    CnId = 4,
    /// `bank-card`
    Card = 5,
    /// `cn-passport`
    Passport = 6,
    /// `us-ssn`
    Ssn = 7,
    /// `iban`
    Iban = 8,
    /// `jwt`
    Jwt = 9,
    /// `session-token`
    Session = 10,
    /// `cn-mobile`
    Mobile = 11,
    /// `phone`
    Phone = 12,
    /// `email`
    Email = 13,
    /// `name`
    Name = 14,
    /// `address`
    Address = 15,
    /// `birth-date`
    Birth = 16,
    /// `gps`
    Gps = 17,
    /// `cn-plate`
    Plate = 18,
    /// `cn-uscc`
    Uscc = 19,
}

impl Kind {
    /// All, in the order of their numbers.
    pub const ALL: [Kind; 20] = [
        Kind::Password,
        Kind::PrivateKey,
        Kind::CloudKey,
        Kind::ApiKey,
        Kind::CnId,
        Kind::Card,
        Kind::Passport,
        Kind::Ssn,
        Kind::Iban,
        Kind::Jwt,
        Kind::Session,
        Kind::Mobile,
        Kind::Phone,
        Kind::Email,
        Kind::Name,
        Kind::Address,
        Kind::Birth,
        Kind::Gps,
        Kind::Plate,
        Kind::Uscc,
    ];
    /// Id in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Password => "password",
            Kind::PrivateKey => "private-key",
            Kind::CloudKey => "cloud-key",
            Kind::ApiKey => "api-key",
            Kind::CnId => "cn-id",
            Kind::Card => "bank-card",
            Kind::Passport => "cn-passport",
            Kind::Ssn => "us-ssn",
            Kind::Iban => "iban",
            Kind::Jwt => "jwt",
            Kind::Session => "session-token",
            Kind::Mobile => "cn-mobile",
            Kind::Phone => "phone",
            Kind::Email => "email",
            Kind::Name => "name",
            Kind::Address => "address",
            Kind::Birth => "birth-date",
            Kind::Gps => "gps",
            Kind::Plate => "cn-plate",
            Kind::Uscc => "cn-uscc",
        }
    }
    /// By id.
    pub fn by_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }
    /// By class number; `None` for a user's class.
    pub fn by_class(class: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(class)).copied()
    }
    /// This class's bit in a mask of classes.
    pub fn bit(self) -> u64 {
        1 << (self as u8)
    }
}
