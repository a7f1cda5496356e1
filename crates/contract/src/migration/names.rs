//! Places as they may be told to anybody: what is no name of the schemas, and each element's number, is `*`, as it could say
//! who is meant.

use std::collections::BTreeSet;

use crate::compile::Contract;
use crate::formats;
use crate::pointer::Pointer;

/// The names that schemas declare.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn of(contracts: &[&Contract]) -> Self {
        let declared = |it: &&Contract| formats::declared(it.definition.format, &it.definition.schema);
        let places = contracts.iter().flat_map(|it| declared(it).into_keys());
        let pointers = places.filter_map(|place| Pointer::parse(&place).ok());
        Self(pointers.flat_map(|pointer| pointer.tokens().to_vec()).collect())
    }

    /// The place that these tokens lead to.
    pub(super) fn pointer(&self, tokens: &[String]) -> String {
        let token = |token: &String| if self.0.contains(token) { token.clone() } else { "*".to_owned() };
        let pointer = Pointer::from_tokens(tokens.iter().map(token)).to_string();
        if pointer.is_empty() { "the document".to_owned() } else { pointer }
    }

    /// The place that a pointer's text names.
    pub(super) fn in_text(&self, pointer: &str) -> String {
        let pointer = Pointer::parse(pointer).unwrap_or_else(|_| Pointer::root());
        self.pointer(pointer.tokens())
    }
}
