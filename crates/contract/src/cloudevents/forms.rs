//! The forms that attribute values have, as yes-or-no questions.

/// CloudEvents 1.0.2, "Type System": no control character, no code point that Unicode keeps for no character. Most texts
/// are plain ASCII, which is seen byte by byte.
pub(super) fn is_string(text: &str) -> bool {
    let is_noncharacter =
        |c: char| matches!(u32::from(c), 0xFDD0..=0xFDEF) || u32::from(c) & 0xFFFE == 0xFFFE;
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        || !text.chars().any(|c| c.is_control() || is_noncharacter(c))
}

/// RFC 3986, section 4.1: a URI or a relative reference. Checks the characters, the escapes and the scheme.
pub(crate) fn is_uri_reference(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let bytes = text.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if text.is_empty() || !bytes.iter().copied().all(allowed) || !escapes || text.matches('#').count() > 1 {
        return false;
    }
    // A first segment with a colon is a scheme, so it must have the form of one.
    let first = text.split(['/', '?', '#']).next().unwrap_or("");
    first.split_once(':').is_none_or(|(scheme, _)| is_scheme(scheme))
}

/// RFC 3986, section 4.3, with a fragment admitted.
pub(super) fn is_absolute_uri(text: &str) -> bool {
    is_uri_reference(text)
        && text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3339, section 5.6: a date and time with an offset.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = bytes.len() > shape.len()
        && shape.iter().zip(bytes).all(|(want, byte)| match want {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't'),
            want => want == byte,
        });
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<i8>().ok());
    let (Some(month), Some(day), Some(hour), Some(minute), Some(second)) =
        (number(5, 7), number(8, 10), number(11, 13), number(14, 16), number(17, 19))
    else {
        return false;
    };
    let year = text.get(..4).and_then(|digits| digits.parse::<i16>().ok()).unwrap_or(-1);
    let is_date = jiff::civil::Date::new(year, month, day).is_ok();
    fits && is_date && hour <= 23 && minute <= 59 && second <= 60 && is_offset(&text[fraction_end(text)..])
}

fn fraction_end(text: &str) -> usize {
    let rest = &text.as_bytes()[19..];
    match rest.split_first() {
        Some((b'.', digits)) => match digits.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => 19,
            count => 20 + count,
        },
        _ => 19,
    }
}

fn is_offset(text: &str) -> bool {
    match text.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', hour @ .., b':', m1, m2] if hour.len() == 2 => {
            let hour =
                std::str::from_utf8(hour).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            hour.and_then(|hour| hour.parse::<u8>().ok()).is_some_and(|hour| hour <= 23)
                && matches!(m1, b'0'..=b'5')
                && m2.is_ascii_digit()
        }
        _ => false,
    }
}

/// RFC 2045, section 5.1: `type/subtype` with parameters.
pub(super) fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let mut parts = text.split(';');
    let named = parts.next().and_then(|name| name.trim().split_once('/'));
    named.is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && parts.all(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
                token(name) && (token(value) || quoted)
            })
        })
}

/// W3C Trace Context, section 3.2: `00-<trace>-<parent>-<flags>`; later versions may add parts.
pub(super) fn is_traceparent(text: &str) -> bool {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [version, trace, parent, flags, more @ ..] => {
            hex(version, 2)
                && *version != "ff"
                && (*version != "00" || more.is_empty())
                && hex(trace, 32)
                && !zero(trace)
                && hex(parent, 16)
                && !zero(parent)
                && hex(flags, 2)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(form(text), "{text:?} should have the form");
        }
        for text in bad {
            assert!(!form(text), "{text:?} should not have the form");
        }
    }

    #[test]
    fn uri_references_have_their_form() {
        let good =
            ["urn:xx:tax-office:desk", "/a/b?c#d", "https://a.example/x%20y", "mailto:a@b", "../up", "a"];
        check(is_uri_reference, &good, &["", "a b", "%zz", "1a:b", "a#b#c", "é", "a%2", "<x>"]);
        check(is_absolute_uri, &["https://a.example/x", "urn:a:b"], &["/a", "a", "https:", ""]);
    }

    #[test]
    fn strings_have_no_control_characters_and_noncharacters() {
        let good = ["", "a ~", "é ü 漢 🦀", "\u{FDCF}", "\u{FFFD}", "\u{10FFFD}"];
        let bad = ["\n", "a\u{7f}", "\u{85}", "\u{FDD0}", "a\u{FDEF}", "\u{FFFE}", "\u{1FFFF}", "\u{10FFFF}"];
        check(is_string, &good, &bad);
    }

    #[test]
    fn timestamps_have_their_form() {
        let good = ["2026-01-31T00:00:00Z", "2024-02-29T23:59:60.123+05:30", "2026-01-31t00:00:00z"];
        let bad = [
            "2026-02-29T00:00:00Z",
            "2026-01-31",
            "2026-01-31T24:00:00Z",
            "2026-01-31T00:00:00",
            "2026-01-31T00:00:00.Z",
            "2026-01-31T00:00:00+25:00",
            "2026-01-31T00:00:00+0100",
            "2026-13-01T00:00:00Z",
            "é026-01-31T00:00:00Z",
            "",
        ];
        check(is_timestamp, &good, &bad);
    }

    #[test]
    fn media_types_have_their_form() {
        let good = ["application/json", "text/plain; charset=utf-8", "application/ld+json;profile=\"x y\""];
        check(is_media_type, &good, &["json", "a/", "/b", "a b/c", "a/b;c", ""]);
    }

    #[test]
    fn trace_parents_have_their_form() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let bad = [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ];
        check(is_traceparent, &[good, "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"], &bad);
    }
}
