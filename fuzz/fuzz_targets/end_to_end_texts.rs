//! Any bytes as a document with texts that are sealed end to end, by its contract and by its schema alone: refused with
//! words, or its texts are found, and what is put in their place leaves a document.
#![no_main]

use std::sync::LazyLock;

use contract::texts::Reading;
use contract::{Class, Contract, Definition, Workspace, compile};

/// Every kind of type, with what is special sealed end to end where that is a text.
static CONTRACTS: LazyLock<Vec<(Contract, Reading)>> = LazyLock::new(|| {
    let files = [include_str!("avro.definition.json"), include_str!("protobuf.definition.json")];
    files.into_iter().map(contract).collect()
});

fn contract(file: &str) -> (Contract, Reading) {
    let mut definition: Definition = serde_json::from_str(file).expect("a definition");
    definition.end_to_end = [Class::Special].into();
    loop {
        let faults = match compile(&definition) {
            Ok(contract) => {
                let reading = Reading::new(definition.format, &definition.schema).expect("it reads");
                return (contract, reading.expect("it is binary"));
            }
            Err(faults) => faults,
        };
        let wrong = |at: &contract::Pointer| {
            let at = at.to_string();
            faults.iter().any(|fault| fault.pointer == at || fault.pointer.starts_with(&format!("{at}/")))
        };
        let special = |class: &Class| *class == Class::Special;
        let moved = definition.classify.iter_mut().filter(|(at, rule)| special(&rule.class) && wrong(at));
        let moved = moved.map(|(_, rule)| rule.class = Class::Personal).count();
        assert!(moved > 0, "{faults:?}");
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for (contract, reading) in CONTRACTS.iter() {
        let mut work = Workspace::default();
        let admitted = contract.check(data, &mut work).is_ok();
        match contract.end_to_end_texts(data) {
            Ok(texts) => {
                let texts = texts.expect("it is binary");
                assert_eq!(texts.replaced(|_| None), data);
                let replaced = texts.replaced(|text| Some(text.text.repeat(3)));
                assert!(!admitted || contract.check(&replaced, &mut work).is_ok());
            }
            Err(_) => assert!(!admitted, "what the bus admits is looked into"),
        }
        if let Ok(texts) = reading.texts(data, |_| true) {
            assert_eq!(texts.replaced(|_| None), data);
        }
    }
});
