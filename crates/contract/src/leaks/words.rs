//! Words that speak of personal data: in the name of a field, or before a number in a text.

/// How far before a number a word still speaks of it, in bytes.
const NEAR: usize = 48;

/// Shorter words must stand by themselves; longer ones may be part of one that is written together.
const BY_ITSELF: usize = 4;

pub(super) const ACCOUNT: &[&str] =
    &["iban", "bankaccount", "accountnumber", "rekeningnummer", "kontonummer"];
pub(super) const CARD: &[&str] = &[
    "card",
    "creditcard",
    "cardnumber",
    "debitcard",
    "visa",
    "mastercard",
    "kreditkarte",
    "cartebancaire",
    "tarjeta",
];
pub(super) const EMAIL: &[&str] = &["email", "mail", "mailaddress", "emailaddress", "courriel", "correo"];
pub(super) const TELEPHONE: &[&str] = &[
    "tel",
    "telephone",
    "phone",
    "mobile",
    "mobiel",
    "gsm",
    "cell",
    "fax",
    "call",
    "bel",
    "telefoon",
    "telefon",
    "handy",
    "telefono",
    "portable",
    "puhelin",
    "telefonnummer",
    "dial",
    "sms",
    "whatsapp",
];
pub(super) const PASSPORT: &[&str] =
    &["passport", "mrz", "travelid", "paspoort", "reisepass", "passeport", "pasaporte"];
pub(super) const HOME: &[&str] = &[
    "home",
    "lives",
    "living",
    "residence",
    "resident",
    "residential",
    "dwelling",
    "domicile",
    "woonadres",
    "woning",
    "woont",
    "wohnung",
    "wohnt",
    "wohnort",
    "wohnhaft",
    "habite",
    "domicilio",
    "residenza",
    "hemadress",
    "bostad",
];

/// The words of a text, to look for others among them.
pub(super) struct Spoken {
    /// In lower case.
    words: Vec<String>,
    together: String,
}

impl Spoken {
    /// The words of a name, be it written `likeThis`, `like_this` or `like-this`.
    pub(super) fn of(name: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut was = ' ';
        for sign in name.chars() {
            if sign.is_alphanumeric() {
                let begins = !was.is_alphanumeric() || (sign.is_uppercase() && was.is_lowercase());
                if begins {
                    words.push(String::new());
                }
                if let Some(word) = words.last_mut() {
                    word.extend(sign.to_lowercase());
                }
            }
            was = sign;
        }
        let together = words.concat();
        Self { words, together }
    }

    /// The words that stand shortly before a place of a text.
    pub(super) fn before(text: &str, at: usize) -> Self {
        let from = (at.saturating_sub(NEAR)..=at).find(|from| text.is_char_boundary(*from)).unwrap_or(at);
        Self::of(text.get(from..at).unwrap_or_default())
    }

    /// Whether one of the words is among them.
    pub(super) fn of_any(&self, lists: &[&[&str]]) -> bool {
        lists.iter().copied().flatten().any(|wanted| {
            self.words.iter().any(|word| word == wanted)
                || (wanted.len() > BY_ITSELF && self.together.contains(wanted))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_a_name_is_written() {
        for (name, list, wanted) in [
            ("citizenBsn", &["bsn"][..], true),
            ("BSN", &["bsn"], true),
            ("subsnippet", &["bsn"], false),
            ("social_security_number", &["socialsecurity"], true),
            ("homeAddress", HOME, true),
            ("e-mail", EMAIL, true),
            ("hotel", TELEPHONE, false),
            ("", TELEPHONE, false),
        ] {
            assert_eq!(Spoken::of(name).of_any(&[list]), wanted, "{name}");
        }
    }

    #[test]
    fn words_count_near_before_a_place() {
        let text = format!("bsn é {} 123456782", "x".repeat(60));
        assert!(!Spoken::before(&text, text.len() - 9).of_any(&[&["bsn"]]));
        assert!(Spoken::before("haar bsn: 123456782", 10).of_any(&[&["bsn"]]));
    }
}
