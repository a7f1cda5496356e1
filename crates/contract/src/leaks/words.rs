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

/// What a field's name says of the person that it is about.
pub(super) const PERSON: &[(&str, &[&str])] = &[
    (
        "a person's name",
        &[
            "firstname",
            "lastname",
            "surname",
            "givenname",
            "familyname",
            "middlename",
            "maidenname",
            "fullname",
            "birthname",
            "nickname",
            "voornaam",
            "achternaam",
            "geslachtsnaam",
            "vorname",
            "nachname",
            "familienname",
            "geburtsname",
            "prenom",
            "nomdefamille",
            "apellido",
            "cognome",
            "etunimi",
            "sukunimi",
            "fornamn",
            "efternamn",
        ],
    ),
    (
        "a person's birth",
        &[
            "birthdate",
            "dateofbirth",
            "birthday",
            "birthplace",
            "placeofbirth",
            "dob",
            "geboortedatum",
            "geboorteplaats",
            "geburtsdatum",
            "geburtsort",
            "datedenaissance",
            "fechadenacimiento",
            "datadinascita",
        ],
    ),
    (
        "what a person is",
        &[
            "gender",
            "ethnicity",
            "religion",
            "maritalstatus",
            "nationality",
            "disability",
            "diagnosis",
            "pregnancy",
            "sexualorientation",
            "geslacht",
            "geschlecht",
            "staatsangehorigkeit",
            "nationaliteit",
            "religie",
        ],
    ),
    (
        "where a person lives",
        &["homeaddress", "residentialaddress", "privateaddress", "woonadres", "wohnadresse"],
    ),
    (
        "who a person is",
        &[
            "personid",
            "nationalid",
            "citizenid",
            "taxpayerid",
            "socialsecurity",
            "personnumber",
            "passportnumber",
        ],
    ),
];

/// Letters and digits of a text that are kept, to look for words among them.
const KEPT: usize = 64;

/// The words of a text, to look for others among them. Of a long one, the first.
pub(super) struct Spoken {
    /// One after the other, in lower case; what is not ASCII as `?`.
    signs: [u8; KEPT],
    count: usize,
    /// A bit for each sign with which a word begins.
    begins: u64,
    /// What there is among them.
    letters: Letters,
}

/// Which letters there are, a bit for each; whatever is none has one in common.
#[derive(Debug, Clone, Copy, Default)]
struct Letters(u32);

impl Letters {
    fn with(self, sign: u8) -> Letters {
        Letters(self.0 | 1 << if sign.is_ascii_lowercase() { sign - b'a' } else { 31 })
    }

    fn of(word: &str) -> Letters {
        word.bytes().fold(Letters::default(), Letters::with)
    }

    fn has_all(self, others: Letters) -> bool {
        self.0 & others.0 == others.0
    }
}

/// A word to look for.
pub(super) struct Word {
    text: &'static str,
    letters: Letters,
}

impl Word {
    pub(super) fn of(text: &'static str) -> Self {
        Self { text, letters: Letters::of(text) }
    }
}

impl Spoken {
    /// The words of a name, be it written `likeThis`, `like_this` or `like-this`.
    pub(super) fn of(name: &str) -> Self {
        let mut spoken = Self { signs: [0; KEPT], count: 0, begins: 0, letters: Letters::default() };
        let mut was = ' ';
        for sign in name.chars() {
            if spoken.count == KEPT {
                break;
            }
            if sign.is_alphanumeric() {
                let begins = !was.is_alphanumeric() || (sign.is_uppercase() && was.is_lowercase());
                let kept = if sign.is_ascii() { sign.to_ascii_lowercase() as u8 } else { b'?' };
                spoken.begins |= u64::from(begins) << spoken.count;
                spoken.signs[spoken.count] = kept;
                spoken.letters = spoken.letters.with(kept);
                spoken.count += 1;
            }
            was = sign;
        }
        spoken
    }

    /// The words that stand shortly before a place of a text.
    pub(super) fn before(text: &str, at: usize) -> Self {
        let from = (at.saturating_sub(NEAR)..=at).find(|from| text.is_char_boundary(*from)).unwrap_or(at);
        Self::of(text.get(from..at).unwrap_or_default())
    }

    /// Whether one of the words is among them.
    pub(super) fn of_any(&self, words: &[Word]) -> bool {
        words.iter().any(|word| self.letters.has_all(word.letters) && self.has(word.text.as_bytes()))
    }

    fn has(&self, word: &[u8]) -> bool {
        let signs = &self.signs[..self.count];
        let begins = |at: usize| at == self.count || self.begins & 1 << at != 0;
        let by_itself = |at: usize| begins(at) && begins(at + word.len());
        let places = signs.windows(word.len()).enumerate().filter(|(_, part)| *part == word);
        places.into_iter().any(|(at, _)| word.len() > BY_ITSELF || by_itself(at))
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
            let list: Vec<Word> = list.iter().map(|word| Word::of(word)).collect();
            assert_eq!(Spoken::of(name).of_any(&list), wanted, "{name}");
        }
    }

    #[test]
    fn words_count_near_before_a_place() {
        let text = format!("bsn é {} 123456782", "x".repeat(60));
        assert!(!Spoken::before(&text, text.len() - 9).of_any(&[Word::of("bsn")]));
        assert!(Spoken::before("haar bsn: 123456782", 10).of_any(&[Word::of("bsn")]));
        let long = "x".repeat(KEPT) + "Bsn";
        assert!(!Spoken::of(&long).of_any(&[Word::of("bsn")]));
    }
}
