//! `[keys]`: how keys are looked after, as written and as meant.

use std::time::Duration;

use bus::KeySettings;
use clap::Args;
use governance::duration::parse_seconds;
use serde::Deserialize;

use crate::output::Failure;

/// The settings, as written.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedKeys {
    /// How long agencies' secrets are used without asking the key management service again, such as 30s [default: 1h]
    #[arg(long = "keys-keep-opened", env = "CHANCERY_KEYS_KEEP_OPENED")]
    pub keep_opened: Option<String>,
    /// How long an epoch of keys runs at most [default: 90d]
    #[arg(long = "keys-rotate-every", env = "CHANCERY_KEYS_ROTATE_EVERY")]
    pub rotate_every: Option<String>,
    /// How long after an erasure its epoch ends, and with it what old copies of the key are worth [default: 3d]
    #[arg(long = "keys-destroy-within", env = "CHANCERY_KEYS_DESTROY_WITHIN")]
    pub destroy_within: Option<String>,
    /// How long of that keys of both epochs are kept, as time for another backup [default: 2d]
    #[arg(long = "keys-overlap", env = "CHANCERY_KEYS_OVERLAP")]
    pub overlap: Option<String>,
    /// Whether this is a copy beside the bus that it was made of, so that its keys' epochs stay as they are [default: false]
    #[arg(long = "keys-frozen", env = "CHANCERY_KEYS_FROZEN", num_args = 0..=1, default_missing_value = "true")]
    pub frozen: Option<bool>,
}

impl TypedKeys {
    /// These settings where they are set, else those of `other`.
    pub fn over(self, other: Self) -> Self {
        Self {
            keep_opened: self.keep_opened.or(other.keep_opened),
            rotate_every: self.rotate_every.or(other.rotate_every),
            destroy_within: self.destroy_within.or(other.destroy_within),
            overlap: self.overlap.or(other.overlap),
            frozen: self.frozen.or(other.frozen),
        }
    }

    /// What they come to; `in_data` is whether the key management service's own keys lie in the data folder.
    pub fn meant(self, in_data: bool) -> Result<KeySettings, Failure> {
        let default = KeySettings::default();
        let meant = KeySettings {
            keep_opened: span("keep_opened", self.keep_opened, default.keep_opened)?,
            rotate_every: span("rotate_every", self.rotate_every, default.rotate_every)?,
            destroy_within: span("destroy_within", self.destroy_within, default.destroy_within)?,
            overlap: span("overlap", self.overlap, default.overlap)?,
            frozen: self.frozen.unwrap_or_default(),
            in_data,
        };
        if meant.overlap > meant.destroy_within {
            return Err(Failure::usage("keys.overlap: it is part of destroy_within, and cannot be longer"));
        }
        Ok(meant)
    }
}

fn span(name: &str, text: Option<String>, default: Duration) -> Result<Duration, Failure> {
    let Some(text) = text else { return Ok(default) };
    match parse_seconds(&text) {
        Ok(0) => Err(Failure::usage(format!("keys.{name}: not 0"))),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(error) => Err(Failure::usage(format!("keys.{name}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_nonsense_is_named() {
        let typed: TypedKeys = toml::from_str("keep_opened = \"30s\"\nrotate_every = \"1y\"").unwrap();
        let meant = typed.meant(false).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!((meant.keep_opened.as_secs(), meant.rotate_every.as_secs()), (30, 365 * 24 * 3600));
        assert_eq!(meant.destroy_within.as_secs(), 3 * 24 * 3600);
        let typed: TypedKeys = toml::from_str("destroy_within = \"1d\"").unwrap();
        assert!(typed.meant(false).unwrap_err().to_string().contains("keys.overlap"));
        for bad in ["0s", "soon"] {
            let typed = TypedKeys { destroy_within: Some(bad.to_owned()), ..TypedKeys::default() };
            assert!(typed.meant(false).unwrap_err().to_string().contains("keys.destroy_within"));
        }
    }
}
