//! The data classes that every build knows, as a type: their number is their place in `rules/builtin.toml`.
//! In: nothing. Out: names and numbers. Bounds: fewer than [`crate::limits::CLASSES`]; a user's own classes follow behind the last.

macro_rules! kinds {
    ($($name:literal $kind:ident,)*) => {
        /// A built-in data class. `Kind as u8` is its class number in every rule set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind {
            $(#[doc = $name] $kind,)*
        }

        impl Kind {
            /// All, in the order of their numbers.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];
            /// Id in the contract.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    "password" Password,
    "private-key" PrivateKey,
    "cloud-key" CloudKey,
    "api-key" ApiKey,
    "cn-id" CnId,
    "bank-card" Card,
    "cn-passport" Passport,
    "us-ssn" Ssn,
    "iban" Iban,
    "jwt" Jwt,
    "session-token" Session,
    "cn-mobile" Mobile,
    "phone" Phone,
    "email" Email,
    "name" Name,
    "address" Address,
    "birth-date" Birth,
    "gps" Gps,
    "cn-plate" Plate,
    "cn-uscc" Uscc,
    "passport" ForeignPassport,
    "mrz" Mrz,
    "cn-permit" Permit,
    "cn-medical" CnMedical,
    "medical-record" MedicalRecord,
    "card-cvv" Cvv,
    "crypto-address" Coin,
    "swift-bic" Swift,
    "us-routing" Routing,
    "us-mbi" Mbi,
    "gb-nino" Nino,
    "gb-nhs" Nhs,
    "in-aadhaar" Aadhaar,
    "in-pan" PanIndia,
    "br-cpf" Cpf,
    "br-cnpj" Cnpj,
    "ca-sin" Sin,
    "au-tfn" Tfn,
    "fr-nir" Nir,
    "de-tax-id" SteuerId,
    "es-dni" Dni,
    "it-cf" CodiceFiscale,
    "nl-bsn" Bsn,
    "pl-pesel" Pesel,
    "se-pnr" Personnummer,
    "kr-rrn" Rrn,
    "jp-mynumber" MyNumber,
    "sg-nric" Nric,
    "hk-id" HkId,
    "tw-id" TwId,
    "mx-curp" Curp,
}

impl Kind {
    /// First of the numbers of other countries, documents and banks, which [`super::valid::national`] checks; all that follow are such.
    pub const FIRST_NATIONAL: u8 = Kind::ForeignPassport as u8;

    /// By id.
    pub fn by_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|k| k.name() == name)
    }
    /// By class number; `None` for a user's class.
    pub fn by_class(class: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(class)).copied()
    }
    /// This class's bit in a mask of classes.
    pub const fn bit(self) -> u64 {
        1 << (self as u8)
    }
    /// Whether [`super::valid::national`] checks it.
    pub fn national(self) -> bool {
        self as u8 >= Kind::FIRST_NATIONAL
    }
}
