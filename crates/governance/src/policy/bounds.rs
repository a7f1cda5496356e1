//! What is too much for a policy, before the parser sees it: it follows nesting by recursion.

/// Longest file, in bytes.
const FILE_MAX_BYTES: usize = 256 * 1024;
/// Longest policy, in bytes.
const POLICY_MAX_BYTES: usize = 8 * 1024;
/// Deepest brackets in one another.
const NESTED_MAX: usize = 32;
/// Most conditions (`if … then … else`) of one policy: each may stand in the one before.
const CONDITIONS_MAX: usize = 32;

/// What of a policy file is too much, with its line; nothing where the parser may have it.
pub(super) fn too_much(text: &str) -> Option<(u64, String)> {
    if text.len() > FILE_MAX_BYTES {
        return Some((1, format!("a policy file has at most {FILE_MAX_BYTES} bytes")));
    }
    let mut at = At { line: 1, ..At::default() };
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        at.bytes += c.len_utf8();
        match c {
            '\n' => at.line += 1,
            // What stands in a text or a comment is nobody's nesting.
            '"' => {
                while let Some(inner) = rest.next() {
                    at.bytes += inner.len_utf8();
                    match inner {
                        '"' => break,
                        '\\' => at.bytes += rest.next().map_or(0, char::len_utf8),
                        '\n' => at.line += 1,
                        _ => {}
                    }
                }
            }
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|c| *c != '\n').is_some() {},
            '(' | '[' | '{' => at.nested += 1,
            ')' | ']' | '}' => at.nested = at.nested.saturating_sub(1),
            ';' => at = At { line: at.line, ..At::default() },
            'i' if rest.next_if_eq(&'f').is_some() => at.conditions += 1,
            _ => {}
        }
        if let Some(what) = at.too_much() {
            return Some((at.line, what));
        }
    }
    None
}

/// Where the walk is in a policy.
#[derive(Default)]
struct At {
    line: u64,
    bytes: usize,
    nested: usize,
    conditions: usize,
}

impl At {
    fn too_much(&self) -> Option<String> {
        if self.bytes > POLICY_MAX_BYTES {
            return Some(format!("a policy has at most {POLICY_MAX_BYTES} bytes"));
        }
        if self.nested > NESTED_MAX {
            return Some(format!("brackets stand at most {NESTED_MAX} deep in one another"));
        }
        (self.conditions > CONDITIONS_MAX)
            .then(|| format!("a policy has at most {CONDITIONS_MAX} conditions (if)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_exhaust_the_parser_is_refused_before_it() {
        let within = |inner: String| format!("forbid (principal, action, resource) when {{ {inner} }};");
        let nested = |depth: usize| within(format!("{}true{}", "(".repeat(depth), ")".repeat(depth)));
        assert_eq!(too_much(&nested(30)), None);
        assert!(too_much(&nested(100_000)).unwrap().1.contains("deep"));
        assert!(too_much(&"[".repeat(40)).is_some());
        assert!(too_much(&within("if true then true else ".repeat(40) + "true")).unwrap().1.contains("(if)"));
        assert!(too_much(&within("true && ".repeat(2_000) + "true")).unwrap().1.contains("bytes"));
        assert!(too_much(&"\n".repeat(FILE_MAX_BYTES + 1)).is_some());
        let text =
            within(r#"resource.name == "((((\"((((((((((((((((((((((((((((((((((((((((((" "#.to_owned());
        assert_eq!(too_much(&format!("// {}\n{text}", "(".repeat(99))), None);
        assert_eq!(too_much(&format!("{text}\n").repeat(100)), None);
        assert_eq!(too_much(&format!("\n\n{}", nested(99))).unwrap().0, 3);
    }
}
