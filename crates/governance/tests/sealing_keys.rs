//! The keys that producers seal for: who publishes them, and for whom a value must be sealed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::{
    KEY_ID, NOW, PUBLIC_KEY, actor, agency, closed, decided, done, operator, request, small_bus, topic,
};
use contract::Class;
use end_to_end::{Context, PrivateKey, Recipient, Sealed, seal};
use governance::sealing_keys::{ACTIVE_MAX, Mismatch, mismatches, recipients};
use governance::{Role, State};
use serde_json::{Value, json};

fn publish(agency: &str, key: &str) -> Value {
    json!({"command": "publish-sealing-key", "agency": agency, "public_key": key})
}

fn retire(key: &str, reason: &str) -> Value {
    json!({"command": "retire-sealing-key", "agency": "b", "key": key, "reason": reason})
}

#[test]
fn an_agencys_officer_or_steward_publishes_and_nobody_for_them() {
    let (officer, steward) = (actor("d@b", &[Role::Dpo]), actor("c@b", &[Role::Steward]));
    for who in [&officer, &steward] {
        let mut state = closed(small_bus());
        assert_eq!(done(&mut state, who, publish("b", PUBLIC_KEY)).len(), 1);
        assert_eq!(done(&mut state, who, publish("b", PUBLIC_KEY)), [], "it is so already");
    }
    // In the bootstrap an operator may do everything else for an agency.
    for state in [small_bus(), closed(small_bus())] {
        for who in [operator(), actor("u@a", &[Role::Steward]), actor("k@b", &[Role::Consumer])] {
            let refused = decided(&state, &who, publish("b", PUBLIC_KEY)).unwrap_err();
            assert_eq!(refused.code, "not-allowed");
            assert!(refused.text.contains("a dpo of b (d@b) or a steward of b (c@b)"), "{refused}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused_and_a_retired_one_stays_so() {
    let (mut state, officer) = (closed(small_bus()), actor("d@b", &[Role::Dpo]));
    let private = PrivateKey::generate().unwrap();
    let low = format!("e2e-public1.{}", "A".repeat(43));
    for wrong in ["", "e2e-public1.short", private.to_text().as_str(), low.as_str()] {
        let refused = decided(&state, &officer, publish("b", wrong)).unwrap_err();
        assert_eq!(refused.code, "malformed");
        assert!(!refused.to_string().contains(private.to_text().as_str()), "{refused}");
    }
    done(&mut state, &officer, publish("b", PUBLIC_KEY));
    assert_eq!(decided(&state, &officer, retire(KEY_ID, " ")).unwrap_err().code, "no-reason");
    assert_eq!(decided(&state, &officer, retire("00", "r")).unwrap_err().code, "unknown");
    done(&mut state, &officer, retire(KEY_ID, "a newer one"));
    assert_eq!(done(&mut state, &officer, retire(KEY_ID, "a newer one")), []);
    assert_eq!(decided(&state, &officer, publish("b", PUBLIC_KEY)).unwrap_err().code, "retired");
    for _ in 0..ACTIVE_MAX {
        let key = PrivateKey::generate().unwrap().public().to_string();
        done(&mut state, &officer, publish("b", &key));
    }
    let one_more = PrivateKey::generate().unwrap().public().to_string();
    assert_eq!(decided(&state, &officer, publish("b", &one_more)).unwrap_err().code, "too-many-keys");
}

fn sealed_for(recipients: &[(&str, &PrivateKey)]) -> Sealed {
    let one = |(agency, key): &(&str, &PrivateKey)| Recipient {
        agency: (*agency).to_owned(),
        key: key.public().clone(),
    };
    let recipients: Vec<Recipient> = recipients.iter().map(one).collect();
    let context = Context { topic: "x.one", source: "s", id: "1", pointer: "/a" };
    Sealed::parse(&seal("1", &recipients, &context).unwrap()).unwrap()
}

#[test]
fn a_value_is_sealed_for_just_those_who_may_read_it() {
    let (mut state, officer) = (small_bus(), actor("d@b", &[Role::Dpo]));
    let [old, new, stranger] = [(); 3].map(|()| PrivateKey::generate().unwrap());
    let wrong = |state: &State, sealed: &Sealed| {
        let topic = topic("x.one");
        mismatches(&recipients(state, &topic, &Class::Personal, NOW), sealed.addressees())
    };
    // `b.asked` waits for approval: nobody may read it, and it is sealed for nobody.
    assert_eq!(wrong(&state, &sealed_for(&[])), []);
    assert_eq!(wrong(&state, &sealed_for(&[("b", &old)])), [Mismatch::Stranger("b".to_owned())]);
    done(&mut state, &operator(), request("b.more", "x.one", &["personal"]));
    // It may, and has no key.
    assert_eq!(wrong(&state, &sealed_for(&[])), []);
    let missing = Mismatch::OtherKey(agency("b"), old.id());
    assert_eq!(wrong(&state, &sealed_for(&[("b", &old)])), [missing]);
    done(&mut state, &officer, publish("b", &old.public().to_string()));
    assert_eq!(wrong(&state, &sealed_for(&[("b", &old)])), []);
    assert_eq!(wrong(&state, &sealed_for(&[])), [Mismatch::Missing(agency("b"))]);
    assert_eq!(
        wrong(&state, &sealed_for(&[("b", &old), ("c", &stranger)])),
        [Mismatch::Stranger("c".to_owned())]
    );
    // While both are in use, one is enough; then only the newer one is left.
    done(&mut state, &officer, publish("b", &new.public().to_string()));
    for keys in [&[("b", &old)][..], &[("b", &new)], &[("b", &old), ("b", &new)]] {
        assert_eq!(wrong(&state, &sealed_for(keys)), []);
    }
    done(&mut state, &officer, retire(&old.id().to_string(), "a newer one"));
    assert_eq!(wrong(&state, &sealed_for(&[("b", &new)])), []);
    let both = wrong(&state, &sealed_for(&[("b", &old)]));
    assert_eq!(both, [Mismatch::Missing(agency("b")), Mismatch::OtherKey(agency("b"), old.id())]);
    // Cleared for less, and the subscription's end.
    assert_eq!(recipients(&state, &topic("x.one"), &Class::Special, NOW), []);
    let end = json!({"command": "revoke-subscription", "subscription": "b.more", "reason": "r"});
    done(&mut state, &operator(), end);
    assert_eq!(wrong(&state, &sealed_for(&[("b", &new)])), [Mismatch::Stranger("b".to_owned())]);
}
