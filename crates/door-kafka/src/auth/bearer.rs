//! OAUTHBEARER (RFC 7628, KIP-255): the principal's token, as HTTP's `Authorization: Bearer` has it.

/// What a client says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Bearer<'m> {
    /// The principal that it wants to act as, where it says one.
    pub acting_as: Option<&'m str>,
    /// Its token.
    pub token: &'m str,
}

/// Ends the header and each of the key-value pairs.
const SEPARATOR: char = '\x01';

impl<'m> Bearer<'m> {
    /// Reads a client's one message, `n,[a=authzid],^A(key=value^A)*^A` (RFC 7628 section 3.1); pairs that are not
    /// known say nothing. `None` where it is not of that form, or its token is said twice or not at all.
    pub fn read(message: &'m [u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let (header, pairs) = text.split_once(SEPARATOR)?;
        // Without channel binding: `p=` asks for one, `y` says that the server has none, which is true.
        let header = header.strip_prefix("n,").or_else(|| header.strip_prefix("y,"))?;
        let acting_as = match header.strip_suffix(',')? {
            "" => None,
            name => Some(name.strip_prefix("a=")?),
        };
        let pairs = pairs.strip_suffix(SEPARATOR)?;
        let mut token = None;
        for pair in pairs.split_terminator(SEPARATOR) {
            let (key, value) = pair.split_once('=')?;
            if key == "auth" && token.replace(bearer(value)?).is_some() {
                return None;
            }
        }
        Some(Self { acting_as, token: token? })
    }
}

/// RFC 6750: the scheme's name in any case, a space, the token.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_says_a_token_and_perhaps_whom_it_stands_for() {
        let token = "chy_7Kq";
        assert_eq!(
            Bearer::read(b"n,,\x01auth=Bearer chy_7Kq\x01\x01"),
            Some(Bearer { acting_as: None, token })
        );
        let with_all =
            b"n,a=desk@tax-office,\x01host=bus.example\x01port=9092\x01auth=bearer chy_7Kq\x01\x01";
        assert_eq!(Bearer::read(with_all), Some(Bearer { acting_as: Some("desk@tax-office"), token }));
    }

    #[test]
    fn what_is_no_such_message_is_refused() {
        let messages: [&[u8]; 11] = [
            b"",
            b"\x01",
            b"n,,\x01\x01",
            b"n,,\x01auth=Bearer t",
            b"n,,\x01auth=Bearer \x01\x01",
            b"n,,\x01auth=Basic t\x01\x01",
            b"n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01",
            b"n,,\x01auth\x01\x01",
            b"n,desk,\x01auth=Bearer t\x01\x01",
            b"p=tls-unique,,\x01auth=Bearer t\x01\x01",
            b"n,,\x01auth=Bearer \xff\x01\x01",
        ];
        for message in messages {
            assert_eq!(Bearer::read(message), None, "{:?}", String::from_utf8_lossy(message));
        }
    }

    proptest! {
        #[test]
        fn every_token_comes_through(token in "[A-Za-z0-9._~+/-]{1,80}=*", name in "[a-z]{1,9}@[a-z]{1,9}") {
            let message = format!("n,a={name},\x01auth=Bearer {token}\x01\x01");
            let read = Bearer::read(message.as_bytes());
            prop_assert_eq!(read, Some(Bearer { acting_as: Some(&name), token: &token }));
        }

        #[test]
        fn whatever_comes_is_read_or_refused(message in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Bearer::read(&message);
        }
    }
}
