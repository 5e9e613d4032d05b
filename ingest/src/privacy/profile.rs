//! How much of people is kept, as the operator asks for it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::privacy::error::PrivacyError;
use crate::privacy::key::Key;

/// What is done to rows before they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Profile {
    /// Nothing.
    #[default]
    None,
    /// Of inside addresses the network stays: /24 of IPv4, /48 of IPv6.
    Truncate,
    /// Inside addresses become others by a key, neighbours becoming neighbours (Crypto-PAn).
    Pseudonymise,
}

impl Profile {
    /// As it is asked for.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Truncate => "truncate",
            Self::Pseudonymise => "pseudonymise",
        }
    }
}

/// Arguments that say what is kept of people.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Privacy")]
pub struct PrivacyArgs {
    /// What becomes of addresses and devices in the inside networks before anything is written [default: none]
    #[arg(long, value_name = "PROFILE", value_enum)]
    pub privacy: Option<Profile>,
    /// Key of the pseudonyms: 32 octets or 64 hexadecimal digits that only their owner may read
    #[arg(long, value_name = "FILE")]
    pub privacy_key: Option<PathBuf>,
}

impl PrivacyArgs {
    /// The profile asked for.
    pub fn profile(&self) -> Profile {
        self.privacy.unwrap_or_default()
    }

    /// Whether profile and key fit each other.
    pub(crate) fn check(&self) -> Result<(), PrivacyError> {
        match (self.privacy, &self.privacy_key) {
            (Some(Profile::Pseudonymise), None) => Err(PrivacyError::NoKey),
            // Whoever names a key does not mean to write in clear.
            (None, Some(_)) => Err(PrivacyError::NoProfile),
            _ => Ok(()),
        }
    }

    /// The key, if one is named and of use.
    pub(crate) fn key(&self, store: Option<&Path>) -> Result<Option<Key>, PrivacyError> {
        match &self.privacy_key {
            Some(path) if self.profile() != Profile::None => Key::read(path, store).map(Some),
            _ => Ok(None),
        }
    }
}
