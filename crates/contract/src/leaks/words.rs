//! Words that speak of personal data: in the name of a field, or before a number in a text.

use std::collections::BTreeMap;

use super::Set;

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
}

impl Spoken {
    /// The words of a name, be it written `likeThis`, `like_this` or `like-this`.
    pub(super) fn of(name: &str) -> Self {
        let mut spoken = Self { signs: [0; KEPT], count: 0, begins: 0 };
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
                spoken.count += 1;
            }
            was = sign;
        }
        spoken
    }

    /// Whether the word is among them.
    pub(super) fn has(&self, word: &str) -> bool {
        let word = word.as_bytes();
        let signs = &self.signs[..self.count];
        let begins = |at: usize| at == self.count || self.begins & 1 << at != 0;
        let by_itself = |at: usize| begins(at) && begins(at + word.len());
        let places = signs.windows(word.len()).enumerate().filter(|(_, part)| *part == word);
        places.into_iter().any(|(at, _)| word.len() > BY_ITSELF || by_itself(at))
    }
}

/// What stands shortly before a place of a text.
pub(super) fn near(text: &str, at: usize) -> &str {
    let from = (at.saturating_sub(NEAR)..=at).find(|from| text.is_char_boundary(*from)).unwrap_or(at);
    text.get(from..at).unwrap_or_default()
}

/// Three letters or digits that follow each other, five bits each; a digit is taken for some letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Three(u16);

impl Three {
    /// Those with which a word begins.
    fn of(word: &str) -> Three {
        word.bytes().take(3).fold(Three::default(), Three::then)
    }

    /// The last two and one more.
    fn then(self, sign: u8) -> Three {
        Three((self.0 << 5 | u16::from(sign & 31)) & 0x7fff)
    }

    /// A place for them among [`PLACES`]; some share one.
    fn place(self) -> usize {
        usize::from(self.0.wrapping_mul(0x9e37) >> 5)
    }
}

const PLACES: usize = 1 << 11;

/// Words and what they speak of, to look for all of them at once.
pub(super) struct Vocabulary {
    /// By the place of the three letters with which they begin.
    words: Vec<(usize, &'static str, Set)>,
    /// Where in `words` those of each place begin, counted from one; 0 is nowhere.
    first: Box<[u8; PLACES]>,
}

impl Vocabulary {
    /// Of words of three letters at least in lower case, each with a detector.
    pub(super) fn of(words: impl IntoIterator<Item = (&'static str, usize)>) -> Self {
        let mut all: BTreeMap<(usize, &str), Set> = BTreeMap::new();
        for (word, detector) in words {
            assert!(word.len() >= 3, "{word}: a word has three letters at least");
            let set = all.entry((Three::of(word).place(), word)).or_default();
            *set = set.with(detector);
        }
        let words: Vec<_> = all.into_iter().map(|((place, word), set)| (place, word, set)).collect();
        let mut first = Box::new([0; PLACES]);
        for (at, (place, ..)) in words.iter().enumerate().rev() {
            first[*place] = u8::try_from(at + 1).expect("words are few");
        }
        Self { words, first }
    }

    /// What the words of a text speak of.
    pub(super) fn spoken_of(&self, text: &str) -> Set {
        let (mut set, mut spoken, mut three) = (Set::NONE, None, Three::default());
        let signs = text.bytes().enumerate().filter(|(_, sign)| sign.is_ascii_alphanumeric());
        for (at, sign) in signs.take(KEPT) {
            three = three.then(sign);
            let place = three.place();
            let Some(from) = usize::from(self.first[place]).checked_sub(1) else { continue };
            let likely = self.words[from..].iter().take_while(|(known, ..)| *known == place);
            for (_, word, of) in likely {
                if goes_on(text.as_bytes(), at, word)
                    && spoken.get_or_insert_with(|| Spoken::of(text)).has(word)
                {
                    set = set.or(*of);
                }
            }
        }
        set
    }
}

/// Whether a word may go on behind the place of its third letter.
fn goes_on(text: &[u8], third: usize, word: &str) -> bool {
    let mut signs = text[third + 1..].iter().filter(|sign| sign.is_ascii_alphanumeric());
    word.bytes().skip(3).all(|wanted| signs.next().is_some_and(|sign| sign.to_ascii_lowercase() == wanted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn speaks(text: &str, words: &[&'static str]) -> bool {
        !Vocabulary::of(words.iter().map(|word| (*word, 0))).spoken_of(text).is_empty()
    }

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
            assert_eq!(speaks(name, list), wanted, "{name}");
        }
    }

    #[test]
    fn words_count_near_before_a_place() {
        let text = format!("bsn é {} 123456782", "x".repeat(60));
        assert!(!speaks(near(&text, text.len() - 9), &["bsn"]));
        assert!(speaks(near("haar bsn: 123456782", 10), &["bsn"]));
        let long = "x".repeat(KEPT) + "Bsn";
        assert!(!speaks(&long, &["bsn"]));
    }

    proptest! {
        /// A quick look never misses a word that a slow one finds.
        #[test]
        fn no_word_is_missed(before in "[a-zA-Z0-9 _é–-]{0,20}", after in "[ _A-Z–-]?[a-zé]{0,8}", at in 0..PERSON.len()) {
            for word in PERSON[at].1 {
                let text = format!("{before}{word}{after}");
                prop_assert_eq!(speaks(&text, PERSON[at].1), PERSON[at].1.iter().any(|word| Spoken::of(&text).has(word)));
            }
        }
    }
}
