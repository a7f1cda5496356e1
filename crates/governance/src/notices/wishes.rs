//! How an agency wants to be told beyond the bus: by e-mail, by webhook, at once or once a day.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{KINDS, Kind, Notice};

/// Longest address or URL.
const ADDRESS_MAX_BYTES: usize = 1_000;

/// Most addresses of one agency: a mailing list serves more.
const ADDRESSES_MAX: usize = 20;

/// The hosts that a webhook may be at without TLS.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// How an agency wants to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub email: Vec<String>,
    /// Where events are posted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// When.
    pub digest: When,
    /// Of what: `contract.proposed`, or `contract` for all of contracts; empty: of everything that concerns it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
}

/// When an agency is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// As it happens.
    #[default]
    AtOnce,
    /// Once a day, what there was since the day before.
    Daily,
}

/// A way to tell an agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// By e-mail.
    Email,
    /// By webhook.
    Webhook,
}

impl Way {
    /// Both.
    pub const ALL: [Way; 2] = [Way::Email, Way::Webhook];

    /// Its name in places, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Email => "email",
            Way::Webhook => "webhook",
        }
    }
}

impl Wishes {
    /// Whether nothing is wished for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it wants to be told in this way.
    pub fn wants(&self, way: Way) -> bool {
        match way {
            Way::Email => !self.email.is_empty(),
            Way::Webhook => self.webhook.is_some(),
        }
    }

    /// Whether it wants to be told of this.
    pub fn wants_of(&self, notice: &Notice) -> bool {
        let group = notice.kind.split('.').next().unwrap_or_default();
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == notice.kind || kind == group)
    }

    /// What is wrong with the wishes, a line each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let addresses = self.email.iter().filter(|address| !is_address(address));
        faults.extend(addresses.map(|address| format!("notices.email: {address:?} is not an address")));
        if self.email.len() > ADDRESSES_MAX {
            faults.push(format!("notices.email: more than {ADDRESSES_MAX} addresses; take a mailing list"));
        }
        if self.webhook.as_ref().is_some_and(|url| !is_webhook(url)) {
            faults.push(
                "notices.webhook: must be https://HOST/… without a user, or http:// on this machine"
                    .to_owned(),
            );
        }
        let groups = || KINDS.iter().filter_map(|kind| kind.name.split('.').next());
        let unknown = |name: &&String| Kind::named(name).is_none() && !groups().any(|group| group == *name);
        let unknown = self.kinds.iter().filter(unknown);
        faults.extend(unknown.map(|name| format!("notices.kinds: there is no notice {name:?}")));
        faults
    }
}

impl fmt::Display for Wishes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ways = self.email.clone();
        ways.extend(self.webhook.clone());
        if ways.is_empty() {
            return f.write_str("nobody");
        }
        let when = if self.digest == When::Daily { " daily" } else { "" };
        let of = if self.kinds.is_empty() { String::new() } else { format!(" of {}", self.kinds.join(", ")) };
        write!(f, "{}{when}{of}", ways.join(", "))
    }
}

/// Good enough to refuse slips and what would break a header; whether it is read, only its owner knows.
fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>,;\"()".contains(c);
    let parts = text.split_once('@');
    text.len() <= ADDRESS_MAX_BYTES
        && text.chars().all(plain)
        && parts.is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn is_webhook(url: &str) -> bool {
    let visible =
        url.len() <= ADDRESS_MAX_BYTES && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let (secured, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return false,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    visible && !host.is_empty() && !authority.contains('@') && (secured || LOOPBACK.contains(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_secured_or_on_this_machine() {
        let at = |url: &str| Wishes { webhook: Some(url.to_owned()), ..Wishes::default() };
        for good in [
            "https://tax.example/hook?x=1",
            "https://tax.example:8443",
            "http://127.0.0.1:9/x",
            "http://[::1]/",
        ] {
            assert!(at(good).faults().is_empty(), "{good}");
        }
        for bad in [
            "http://tax.example/hook",
            "http://127.0.0.1@tax.example/",
            "http://127.0.0.1.tax.example/",
            "http://127.0.0.1\\@tax.example/",
            "https://me:secret@tax.example/",
            "https://",
            "ftp://tax.example",
            "tax.example",
            "https://tax.example/a b",
        ] {
            assert!(!at(bad).faults().is_empty(), "{bad}");
        }
    }

    #[test]
    fn addresses_and_kinds_are_looked_at() {
        let wishes = Wishes {
            email: vec!["desk@tax.example".into(), "no address".into(), "a@b>\r\nBcc: c@d".into()],
            kinds: vec!["contract".into(), "topic.created".into(), "topics".into()],
            ..Wishes::default()
        };
        assert_eq!(wishes.faults().len(), 3, "{:?}", wishes.faults());
        assert!(wishes.wants(Way::Email) && !wishes.wants(Way::Webhook));
    }
}
