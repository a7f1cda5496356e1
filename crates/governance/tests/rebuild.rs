//! What holds after any sequence of commands by anybody, and that a state rebuilt from its events is the live one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Check, NOW, actor, closed, command, definition, opened, operator, small_bus};
use contract::{AgencyName, PrincipalName, TopicName, Weight};
use governance::events::{ContractEvent, ErasureEvent, Side};
use governance::state::{Carried, HoldOn, Person};
use governance::{
    Actor, Command, ContractCheck, Desired, Event, Role, State, Status, Topic, Version, apply, apply_all,
    carrying, clerk, decide, erasure, plan,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;
const TOPICS: [&str; 3] = ["x.one", "x.two", "x.three"];
const AGENCIES: [&str; 3] = ["a", "b", "c"];
const PEOPLE: [&str; 8] = ["s@a", "t@a", "u@a", "p@a", "c@b", "d@b", "n@b", "m@c"];
const SUBSCRIPTIONS: [&str; 5] = ["b.live", "b.asked", "b.new", "a.own", "c.far"];
const DAYS: [&str; 3] = ["2026-01-20", "2027-01-01", "2030-01-01"];

/// Everybody who asks, each with the roles that a connection of theirs would have.
fn anybody() -> impl Strategy<Value = Actor> {
    select(vec![
        operator(),
        actor("s@a", &[Role::Steward]),
        actor("t@a", &[Role::Steward]),
        actor("u@a", &[Role::Steward]),
        actor("c@b", &[Role::Steward]),
        actor("d@a", &[Role::Dpo]),
        actor("d@b", &[Role::Dpo]),
        actor("m@c", &[Role::Steward, Role::Dpo]),
        actor("r@b", &[Role::Regulator]),
    ])
}

fn of_parties() -> impl Strategy<Value = Value> {
    let roles = proptest::collection::vec(select(vec!["operator", "steward", "producer", "dpo"]), 0..3);
    (0..12u8, select(&AGENCIES[..]), select(&PEOPLE[..]), roles, 0..4u8).prop_map(|(what, agency, who, roles, byte)| {
        let hash = format!("{byte:02x}").repeat(32);
        let home = who.split_once('@').unwrap().1;
        match what {
            0 => json!({"command": "register-agency", "agency": agency, "name": "n"}),
            1 => json!({"command": "change-agency", "agency": agency, "name": hash}),
            2 => json!({"command": "create-principal", "principal": who, "agency": home, "roles": roles, "token_hash": hash}),
            3 => json!({"command": "change-principal", "principal": who, "roles": roles}),
            4 => json!({"command": "issue-token", "principal": who, "token_hash": hash}),
            5 => json!({"command": "disable-principal", "principal": who}),
            10 => json!({"command": "publish-sealing-key", "agency": agency, "public_key": crate::support::PUBLIC_KEY}),
            11 => json!({"command": "retire-sealing-key", "agency": agency, "key": crate::support::KEY_ID, "reason": "r"}),
            7 => json!({"command": "give-delegation", "principal": who, "to": PEOPLE[byte as usize], "until": DAYS[0],
                "reason": "away"}),
            8 => json!({"command": "end-delegation", "principal": who}),
            6 => json!({"command": "set-standards", "standards": {"classes": ["secret"]}}),
            _ => json!({"command": "close-bootstrap"}),
        }
    })
}

fn of_topics() -> impl Strategy<Value = Value> {
    let people = (select(&PEOPLE[..]), select(&PEOPLE[..]), proptest::option::of(select(&AGENCIES[..])));
    (0..11u8, select(&TOPICS[..]), people, 1..4u32, select(vec!["{}", "{} more", "other", "bad"])).prop_map(
        |(what, topic, (steward, deputy, agency), version, schema)| match what {
            0 => json!({"command": "create-topic", "topic": topic, "owner": agency, "steward": steward, "deputy": deputy,
                "description": "x", "legal_basis": "l", "retention": "90d", "contract": definition(topic, 1, schema)}),
            1 => json!({"command": "change-topic", "topic": topic, "steward": steward, "deputy": deputy}),
            2 if agency == Some("c") => json!({"command": "propose-contract", "definition": with_migration(topic, version, schema)}),
            2 => json!({"command": "propose-contract", "definition": definition(topic, version, schema)}),
            3 => json!({"command": "acknowledge-contract", "topic": topic, "version": version, "agency": agency.unwrap_or("b")}),
            4 => json!({"command": "object-to-contract", "topic": topic, "version": version,
                "agency": agency.unwrap_or("b"), "reason": "r"}),
            5 => json!({"command": "activate-contract", "topic": topic, "version": version}),
            7 => json!({"command": "answer-objection", "topic": topic, "version": version,
                "agency": agency.unwrap_or("b"), "answer": "so be it"}),
            8 => json!({"command": "override-contract", "topic": topic, "version": version, "reason": "haste"}),
            9 => json!({"command": "confirm-topic", "topic": topic}),
            6 => json!({"command": "deprecate-contract", "topic": topic, "version": version, "sunset": DAYS[version as usize - 1]}),
            _ => json!({"command": "retire-contract", "topic": topic, "version": version}),
        },
    )
}

/// With a migration from the version before.
fn with_migration(topic: &str, version: u32, schema: &str) -> Value {
    let mut definition = definition(topic, version, schema);
    definition["migration"] = json!([]);
    definition
}

fn of_subscriptions() -> impl Strategy<Value = Value> {
    let clears = proptest::collection::vec(select(vec!["public", "internal", "personal", "secret"]), 0..3);
    (0..7u8, select(&SUBSCRIPTIONS[..]), select(&TOPICS[..]), clears, select(&DAYS[..])).prop_map(
        |(what, name, topic, clears, day)| match what {
            0 | 1 => json!({"command": "request-subscription", "subscription": name, "topic": topic, "agency": &name[..1],
                "purpose": "p", "legal_basis": "l", "clears": clears, "expires": day}),
            2 | 3 => json!({"command": "approve-subscription", "subscription": name}),
            4 => json!({"command": "change-subscription", "subscription": name, "clears": clears, "expires": day}),
            5 => json!({"command": "refuse-subscription", "subscription": name, "reason": "r"}),
            _ => json!({"command": "revoke-subscription", "subscription": name, "reason": "r"}),
        },
    )
}

fn of_handing_over() -> impl Strategy<Value = Value> {
    let people = (select(&PEOPLE[..]), select(&PEOPLE[..]));
    let agencies = (select(&AGENCIES[..]), select(&AGENCIES[..]));
    (0..6u8, select(&TOPICS[..]), people, agencies, select(&DAYS[..])).prop_map(
        |(what, topic, (steward, deputy), (agency, other), day)| match what {
            0 => json!({"command": "offer-topic", "topic": topic, "to": agency, "on": day}),
            1 => json!({"command": "accept-topic", "topic": topic, "steward": steward, "deputy": deputy}),
            2 => json!({"command": "withdraw-offer", "topic": topic, "reason": "r"}),
            3 => json!({"command": "propose-succession", "agency": agency, "on": day, "rest": other,
                "shares": if day == DAYS[0] { json!([{"agency": "c", "topics": [topic]}]) } else { json!([]) }}),
            4 => json!({"command": "accept-succession", "agency": agency, "successor": other, "steward": steward,
                "deputy": deputy}),
            _ => json!({"command": "withdraw-succession", "agency": agency, "reason": "r"}),
        },
    )
}

fn of_erasures() -> impl Strategy<Value = Value> {
    let person =
        |agency: &str, name: u8| json!({"agency": agency, "pseudonym": format!("{name:02x}").repeat(16)});
    (0..10u8, 0..4u8, select(&AGENCIES[..2]), any::<bool>()).prop_map(move |(what, name, agency, both)| {
        let erasure = format!("e-{name}");
        let mut persons = vec![person(agency, name % 2)];
        persons.extend(both.then(|| person("c", name % 2)));
        let on = if both { json!({"topic": "x.one"}) } else { json!({"person": persons}) };
        match what {
            0 | 1 => json!({"command": "request-erasure", "erasure": erasure, "parts": persons, "reason": "r"}),
            2 | 3 => json!({"command": "approve-erasure", "erasure": erasure}),
            4 => json!({"command": "decline-erasure", "erasure": erasure, "reason": "r"}),
            5 => json!({"command": "withdraw-erasure", "erasure": erasure, "reason": "r"}),
            6 => json!({"command": "acknowledge-erasure", "erasure": erasure, "agency": agency,
                "kept": both.then_some("ground")}),
            7 | 8 => json!({"command": "place-hold", "hold": format!("h-{name}"), "on": on, "reason": "r", "reference": "c"}),
            _ => json!({"command": "lift-hold", "hold": format!("h-{name}"), "reason": "r"}),
        }
    })
}

fn look(person: &Person) -> Result<BTreeMap<TopicName, u64>, String> {
    Check.events_about(person)
}

/// What the bus does by itself: it erases what is due, and tells who was handed events.
fn erased_by_time(state: &State, now: u64) -> Vec<Event> {
    let due = erasure::due(state, now, &look);
    if !due.is_empty() {
        return due;
    }
    let untraced = erasure::untraced(state).into_iter();
    let told = |_: &Person| BTreeMap::from([("b".parse().unwrap(), (Vec::new(), Vec::new()))]);
    untraced
        .flat_map(|(name, person, _)| erasure::traced(state, &name, &person.agency, told(&person)))
        .collect()
}

/// Counted apart from the rules: who is erased is so by the word of two people, among them a data protection officer of
/// each agency that owns a topic with something about them, and no hold keeps them.
fn nobody_is_erased_by_one_person_or_against_a_hold(state: &State, events: &[Event]) {
    for event in events {
        let Event::Erasure(ErasureEvent::PersonErased { erasure, agency, topics, .. }) = event else {
            continue;
        };
        let known = state.erasure(erasure).unwrap();
        let words: Vec<_> = [&known.asked].into_iter().chain(&known.agreed).collect();
        let people: BTreeSet<_> = words.iter().map(|word| &word.by.principal).collect();
        assert!(people.len() > 1, "{erasure}: {people:?}");
        // No authority counts twice.
        let asker = &known.asked.by;
        let others = known.agreed.iter().map(|word| &word.by);
        let same = |by: &&governance::events::By| {
            let of = |by: &governance::events::By| [Some(by.principal.clone()), by.instead_of.clone()];
            of(by).into_iter().flatten().any(|one| of(asker).contains(&Some(one)))
        };
        assert!(!others.into_iter().any(|by| same(&by)), "{erasure}: {words:?}");
        let is_of = |who: &PrincipalName, agency: &AgencyName| {
            who.agency() == *agency && who.as_str() != "root@central"
        };
        let spoke = |agency: &AgencyName| {
            words.iter().any(|word| {
                let whose = word.by.instead_of.as_ref().unwrap_or(&word.by.principal);
                word.speaks_for.contains(agency) && is_of(whose, agency)
            })
        };
        let owners: BTreeSet<_> =
            topics.keys().filter_map(|name| state.topic(name)).map(|it| it.owner.clone()).collect();
        let heirs = state.agency(agency).is_some_and(|known| !known.succeeded.is_empty());
        match owners.is_empty() {
            true => assert!(heirs || spoke(agency), "{erasure}: {words:?}"),
            false => assert!(owners.iter().all(spoke), "{erasure}: {owners:?} {words:?}"),
        }
        let person = &known.part(agency).unwrap().found.person;
        for hold in state.holds().filter(|hold| hold.lifted.is_none()) {
            match &hold.on {
                HoldOn::Person(persons) => assert!(!persons.contains(person), "{} holds {erasure}", hold.id),
                HoldOn::Topic(topic) => assert!(!topics.contains_key(topic), "{} holds {erasure}", hold.id),
            }
        }
    }
}

fn anything() -> impl Strategy<Value = Command> {
    prop_oneof![2 => of_parties(), 4 => of_topics(), 4 => of_subscriptions(), 2 => of_handing_over(), 3 => of_erasures()]
        .prop_map(command)
}

/// One who asks, what for, and how many days later.
type Asked = (Actor, Command, u64);

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    proptest::collection::vec((anybody(), anything(), select(vec![0, 0, 1, 2, 2, 60, 200])), 1..80)
}

/// Plays the commands from `state` on; the facts with their time.
fn play(
    state: &mut State,
    asked: &[Asked],
    mut each: impl FnMut(&State, &[Event], u64),
) -> Vec<(Event, u64)> {
    let (mut facts, mut now) = (Vec::new(), NOW);
    for (actor, command, days) in asked {
        now += days * DAY_MS;
        let by_time = |state: &State| clerk::due(state, now);
        let by_command = |state: &State| decide(state, actor, command, now, &Check).unwrap_or_default();
        let by_erasing = |state: &State| erased_by_time(state, now);
        for decided in [&by_time as &dyn Fn(&State) -> Vec<Event>, &by_erasing, &by_command] {
            let events = decided(state);
            events.iter().for_each(|event| apply(state, event, now));
            each(state, &events, now);
            facts.extend(events.into_iter().map(|event| (event, now)));
        }
    }
    facts
}

/// Counted apart from the rules: what goes live has nobody against it, and everybody for it, or carried by its migration,
/// or time to object, or two people of different agencies who overrode them.
fn nothing_goes_live_behind_a_reader(state: &State, events: &[Event], now: u64) {
    for event in events {
        let Event::Contract(ContractEvent::ContractActivated { topic, version, .. }) = event else {
            continue;
        };
        let topic = state.topic(topic).unwrap();
        let live = &topic.versions[version];
        let overriding: BTreeSet<_> = live.overrides.iter().map(|one| one.by.principal.agency()).collect();
        if overriding.len() > 1 && live.overrides.iter().any(|one| one.role == Role::Operator) {
            continue;
        }
        let noticed = live.weight() == Weight::Compatible && live.proposed_ms + 14 * DAY_MS <= now;
        let readers =
            state.subscriptions_of(&topic.name).filter(|s| s.is_live(now) && s.agency != topic.owner);
        for reader in readers {
            let agency = &reader.agency;
            assert!(!live.objections.contains_key(agency), "{version} of {}: {agency} objects", topic.name);
            let agrees = live.acknowledged.contains_key(agency);
            let stays = reader.carried.is_some();
            let carried = live.definition.migration.is_some() && stays;
            assert!(
                agrees || carried || (noticed && !stays),
                "{version} of {}: {agency} was not heard",
                topic.name
            );
        }
    }
}

/// Whoever is carried can be: from each version that went live since, a way leads back to theirs.
fn who_is_carried_is_led_back(state: &State, events: &[Event]) {
    let went_live = |version: &Version| {
        events.iter().any(|event| match event {
            Event::Contract(ContractEvent::ContractActivated { topic, version: number, .. }) => {
                *topic == version.definition.topic && *number == version.number()
            }
            _ => false,
        })
    };
    for subscription in state.subscriptions().filter(|it| it.ended.is_none()) {
        let Some(Carried { on, since_ms }) = subscription.carried else { continue };
        let topic = state.topic(&subscription.topic).unwrap();
        let is_since = |version: &Version| version.activated.as_ref().is_some_and(|(_, at)| *at > since_ms);
        for version in topic.versions.values().filter(|it| went_live(it) || is_since(it)) {
            let way = carrying::way_back(topic, version.number(), on);
            assert!(way.is_some(), "{}: from {} to {on}", subscription.name, version.number());
        }
        assert_ne!(topic.versions[&on].status, Status::Proposed);
    }
}

/// What is counted along is what there is.
fn what_agencies_have_is_counted(state: &State) {
    for agency in AGENCIES.iter().map(|name| name.parse().unwrap()).chain(state.central().cloned()) {
        let topics = state.topics().filter(|topic| topic.owner == agency);
        assert_eq!(state.topics_owned(&agency), topics.count() as u64, "topics of {agency}");
        let held = state.subscriptions().filter(|one| one.agency == agency && one.ended.is_none());
        assert_eq!(state.subscriptions_held(&agency), held.count() as u64, "subscriptions of {agency}");
    }
}

/// That they are gone is known of the topic too.
fn has_left(topic: &Topic, person: &PrincipalName) -> bool {
    let held = &topic.stewardship;
    let left_ms = if *person == topic.steward { held.steward_left_ms } else { held.deputy_left_ms };
    left_ms.is_some()
}

/// Every topic has its people, and they are there, or known to be gone.
fn no_contract_is_active_without_owner_and_steward(state: &State) {
    for topic in state.topics().filter(|topic| topic.active_versions().next().is_some()) {
        assert!(state.agency(&topic.owner).is_some());
        assert_ne!(topic.steward, topic.deputy);
        for person in [&topic.steward, &topic.deputy] {
            let known = state.principal(person).unwrap();
            let here = !known.disabled && known.roles.contains(Role::Steward);
            assert!(known.agency == topic.owner && (here || has_left(topic, person)));
        }
    }
}

/// Counted apart from the rules: an approval is the bootstrap's, or one of a person of the side it speaks for.
fn nothing_personal_is_granted_without_both_approvals(state: &State) {
    for subscription in state.subscriptions() {
        let Some(grant) = &subscription.granted else { continue };
        let personal =
            grant.terms.clears.iter().any(|class| !matches!(class.as_str(), "public" | "internal"));
        let sides: &[Side] = if personal { &[Side::Owner, Side::Dpo] } else { &[Side::Owner] };
        let owners = state.topic(&subscription.topic).unwrap().stewardship.owners.iter().map(|it| &it.agency);
        let readers = subscription.formerly.iter().map(|former| &former.agency).chain([&subscription.agency]);
        let (owners, readers): (BTreeSet<_>, BTreeSet<_>) = (owners.collect(), readers.collect());
        for side in sides {
            let by = &grant.approvals[side].by;
            let whose = if *side == Side::Owner { &owners } else { &readers };
            assert!(
                by.bootstrap || whose.contains(&by.principal.agency()),
                "{}: {side:?} by {by:?}",
                subscription.name
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_state_rebuilt_from_its_events_is_the_live_one(asked in asked()) {
        let mut live = opened();
        let facts = play(&mut live, &asked, |_, _, _| {});
        let (mut folded, mut read) = (opened(), opened());
        for (event, at) in &facts {
            apply(&mut folded, event, *at);
            let line = serde_json::to_string(event).unwrap();
            apply(&mut read, &Event::read(line.as_bytes()).unwrap(), *at);
        }
        prop_assert_eq!(&folded, &live);
        prop_assert_eq!(&read, &live);
    }

    #[test]
    fn no_sequence_of_commands_gets_around_the_promises(asked in asked(), in_bootstrap in any::<bool>()) {
        let mut state = if in_bootstrap { small_bus() } else { closed(small_bus()) };
        let mut may_stand_in = in_bootstrap;
        play(&mut state, &asked, |state, events, now| {
            no_contract_is_active_without_owner_and_steward(state);
            nothing_goes_live_behind_a_reader(state, events, now);
            who_is_carried_is_led_back(state, events);
            nothing_personal_is_granted_without_both_approvals(state);
            what_agencies_have_is_counted(state);
            nobody_is_erased_by_one_person_or_against_a_hold(state, events);
            let marked = serde_json::to_string(events).unwrap().contains("by_bootstrap");
            assert!(may_stand_in || !marked, "after the bootstrap: {events:?}");
            may_stand_in = state.in_bootstrap();
            for hash in (0..4u8).map(|byte| [byte; 32]) {
                assert!(state.principal_by_token_hash(&hash).is_none_or(|p| !p.disabled && p.token_hash.unwrap().0 == hash));
            }
            assert!(state.subscriptions().all(|s| !(s.is_live(now) && s.is_expired(now))));
        });
    }

    /// Policies are asked of every command that the rules allow, and what they are asked holds by their schema: else it
    /// would be refused.
    #[test]
    fn policies_that_hit_nobody_change_nothing(asked in asked()) {
        let (mut free, mut bound) = (small_bus(), small_bus());
        bind(&mut bound);
        let freely = play(&mut free, &asked, |_, _, _| {});
        prop_assert_eq!(play(&mut bound, &asked, |_, _, _| {}), freely);
    }

    #[test]
    fn facts_about_nothing_known_never_fail(asked in asked()) {
        let facts = play(&mut small_bus(), &asked, |_, _, _| {});
        let mut nothing = State::default();
        facts.iter().rev().for_each(|(event, at)| apply(&mut nothing, event, *at));
        what_agencies_have_is_counted(&nothing);
    }

    #[test]
    fn what_is_written_as_a_folder_asks_for_nothing_new(asked in asked()) {
        let mut state = closed(small_bus());
        play(&mut state, &asked, |_, _, _| {});
        let now = NOW + asked.iter().map(|(_, _, days)| days * DAY_MS).sum::<u64>();
        let again = plan(&state, &Desired::of(&state, now), now, &Check);
        prop_assert!(again.is_empty(), "{again}");
    }

    #[test]
    fn after_a_plan_is_applied_nothing_is_left_to_do(asked in asked(), wished in wished()) {
        let mut state = small_bus();
        let mostly: Vec<Asked> = asked.into_iter().take(12).collect();
        play(&mut state, &mostly, |_, _, _| {});
        let first = plan(&state, &wished, NOW, &Check);
        let Ok(ruling) = apply_all(&state, &operator(), &first, NOW, &Check) else { return Ok(()) };
        ruling.events.iter().for_each(|event| apply(&mut state, event, NOW));
        let again = plan(&state, &wished, NOW, &Check);
        prop_assert!(again.is_empty(), "first\n{first}\nagain\n{again}");
    }
}

/// Policies that look at everything and forbid nothing.
fn bind(state: &mut State) {
    let text = r#"
        forbid (principal, action, resource is Topic) when { resource.owner.topics < 0 || resource.steward.roles.contains("king")
            || resource.deputy.agency.name == "nobody" || resource.retention_days < 0 || resource.classes.contains("none")
            || resource.partitions < 1 || resource.latency == "never" || resource in Domain::"nowhere" };
        forbid (principal, action, resource is Subscription) when { resource.days < 0 || resource.clears.contains("none")
            || resource.topic.owner.subscriptions < 0 || resource.purpose == "none" || resource.agency in [Agency::"none"] };
        forbid (principal, action, resource is Agency) when { resource.domains.contains(Domain::"nowhere") };
        forbid (principal, action, resource is Principal) when { resource.roles.contains("king") };
        forbid (principal, action in [Action::"create-topic", Action::"propose-contract"], resource)
            when { context.contract.version < 1 || context.contract.open_names.contains("none") };
        forbid (principal, action in [Action::"set-standards", Action::"close-bootstrap"], resource)
            when { principal.roles.isEmpty() };"#;
    let policies = std::collections::BTreeMap::from([("all.cedar".to_owned(), text.to_owned())]);
    let standards = governance::Standards { policies, ..state.standards().clone() };
    crate::support::done(state, &operator(), json!({"command": "set-standards", "standards": standards}));
    assert!(!state.policies().is_empty());
}

/// A folder by chance, of what its commands would be.
fn wished() -> impl Strategy<Value = Desired> {
    let topics = proptest::collection::btree_map(
        select(&TOPICS[..]),
        (1..3u32, select(vec!["s@a", "w@a"]), 90..99u32),
        0..3,
    );
    let clears = proptest::collection::vec(select(vec!["internal", "personal"]), 0..3);
    let subscriptions =
        proptest::collection::btree_map(select(&SUBSCRIPTIONS[..3]), (clears, select(&DAYS[1..])), 0..3);
    let agencies = proptest::collection::btree_map(select(&AGENCIES[..]), "[A-C]", 0..3);
    (agencies, topics, subscriptions).prop_map(|(agencies, topics, subscriptions)| {
        let mut wished = Desired::default();
        for (agency, name) in agencies {
            insert(&mut wished, json!({"command": "register-agency", "agency": agency, "name": name}));
        }
        for (topic, (version, steward, days)) in topics {
            insert(&mut wished, json!({"command": "create-topic", "topic": topic, "owner": "a", "steward": steward,
                "deputy": "t@a", "description": "x", "legal_basis": "l", "retention": format!("{days}d"),
                "contract": definition(topic, version, "{}")}));
        }
        for (name, (clears, day)) in subscriptions {
            insert(&mut wished, json!({"command": "request-subscription", "subscription": name, "topic": "x.one", "agency": "b",
                "purpose": "p", "legal_basis": "l", "clears": clears, "expires": day}));
        }
        wished
    })
}

fn insert(wished: &mut Desired, json: Value) {
    match command(json) {
        Command::RegisterAgency(agency) => drop(wished.agencies.insert(agency.agency.clone(), agency)),
        Command::CreateTopic(topic) => drop(wished.topics.insert(topic.topic.clone(), topic)),
        Command::RequestSubscription(wish) => {
            drop(wished.subscriptions.insert(wish.subscription.clone(), wish));
        }
        _ => {}
    }
}
