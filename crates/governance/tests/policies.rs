//! The standards' policies: what they can hit, what they cannot open, and what is told of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;

use crate::support::{
    Check, NOW, actor, closed, command, create_topic, decided, done, operator, request, small_bus,
};
use contract::ClassSet;
use governance::events::{BusEvent, ContractEvent, SubscriptionEvent};
use governance::policy::{self, Asked, DEFAULTS, RIGHTS};
use governance::{Actor, Event, Policies, Refused, Role, Standards, State, apply, clerk, plan, rule};
use serde_json::{Value, json};

fn policies(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("central.cedar".to_owned(), text.to_owned())])
}

fn faults(text: &str) -> String {
    let faults = Policies::read(&policies(text)).unwrap_err();
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A bus after its bootstrap, with these policies.
fn bus(text: &str) -> State {
    let mut state = closed(small_bus());
    let standards = Standards { policies: policies(text), ..Standards::default() };
    done(&mut state, &operator(), json!({"command": "set-standards", "standards": standards}));
    state
}

fn steward() -> Actor {
    actor("s@a", &[Role::Steward])
}

fn forbidden(state: &State, actor: &Actor, command: Value) -> Refused {
    let refused = decided(state, actor, command).unwrap_err();
    assert_eq!(refused.code, "forbidden-by-standards", "{refused}");
    refused
}

fn topic_with(name: &str, fields: Value) -> Value {
    let mut new = create_topic(name);
    new["contract"]["classify"] = fields;
    new
}

#[test]
fn the_shipped_policies_hold_by_the_schema_and_let_an_ordinary_bus_live() {
    let state = bus(DEFAULTS);
    let [three, other] = ["x.y.three", "x.two"];
    assert!(state.policies().shown().iter().all(|policy| policy.reason.is_some() && policy.remedy.is_some()));
    assert!(decided(&state, &steward(), create_topic(three)).is_ok());
    assert!(decided(&state, &actor("c@b", &[Role::Steward]), request("b.new", other, &["personal"])).is_ok());
}

#[test]
fn every_command_is_an_action_that_a_policy_can_forbid() {
    let commands = include_str!("../src/commands/names.rs").split("pub fn name(&self)").nth(1).unwrap();
    let names: Vec<&str> =
        commands.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.len() > 30 && names.contains(&"create-topic"), "{names:?}");
    for action in names.into_iter().filter(|name| *name != "open-bus").chain(["publish", "consume", "grant"])
    {
        let text = format!("forbid (principal, action == Action::{action:?}, resource);");
        assert!(Policies::read(&policies(&text)).is_ok(), "{action}: {}", faults(&text));
    }
}

#[test]
fn a_refusal_says_why_by_which_policy_and_what_to_do() {
    let state = bus(DEFAULTS);
    let refused = forbidden(&state, &steward(), create_topic("x.flat"));
    assert_eq!(
        refused.to_string(),
        "create-topic of x.flat is forbidden by the standards: a topic's name says its domain, its entity and what \
         happened, parted by dots (policy names-say-what-happened)\nname it like civil.birth.registered"
    );
    let basis = refused.basis.unwrap();
    assert_eq!(basis.policies, ["names-say-what-happened"]);
    let ruling = rule(&state, &steward(), &command(create_topic("x.y.three")), NOW, &Check).unwrap();
    assert_eq!(ruling.basis.policies, [RIGHTS]);
}

#[test]
fn the_mandate_the_classes_and_the_retention_are_held_to() {
    let mut state = bus(DEFAULTS);
    let change = json!({"command": "change-agency", "agency": "a", "domains": ["civil", "x.sub"]});
    done(&mut state, &operator(), change);
    let steward = steward();
    for (name, fits) in [
        ("civil.birth.registered", true),
        ("x.sub.one", true),
        ("x.y.four", false),
        ("civilian.one.two", false),
    ] {
        assert_eq!(decided(&state, &steward, create_topic(name)).is_ok(), fits, "{name}");
    }
    let open = topic_with("civil.one.happened", json!({"/child/birthDate": "internal", "/place": "public"}));
    assert!(forbidden(&state, &steward, open).text.contains("identifiers-are-personal"));
    assert!(
        decided(&state, &steward, topic_with("civil.one.happened", json!({"/child/birthDate": "personal"})))
            .is_ok()
    );

    let mut kept = topic_with("civil.two.happened", json!({"/diagnosis": "special"}));
    kept["retention"] = json!("12y");
    assert!(forbidden(&state, &steward, kept.clone()).text.contains("special-is-not-kept-for-ever"));
    kept["retention"] = json!("9y");
    done(&mut state, &steward, kept);
    // The policy sees the topic as it would be.
    let longer = json!({"command": "change-topic", "topic": "civil.two.happened", "retention": "12y"});
    assert!(forbidden(&state, &steward, longer).text.contains("special-is-not-kept-for-ever"));

    let consumer = actor("c@b", &[Role::Steward]);
    let wish = request("b.long", "civil.two.happened", &["special"]);
    assert!(forbidden(&state, &consumer, wish.clone()).text.contains("special-is-asked-for-yearly"));
    let shorter = {
        let mut wish = wish;
        wish["expires"] = json!("2026-12-01");
        wish
    };
    assert!(decided(&state, &consumer, shorter).is_ok());
}

#[test]
fn a_quota_counts_what_would_be() {
    let quota = r#"forbid (principal, action == Action::"create-topic", resource) when { resource.owner.topics > 3 };"#;
    let mut state = bus(quota);
    done(&mut state, &steward(), create_topic("x.three"));
    let refused = forbidden(&state, &steward(), create_topic("x.four"));
    assert!(refused.text.ends_with("policy central.1"), "{}", refused.text);
    let quota = r#"forbid (principal, action == Action::"request-subscription", resource)
        when { resource.agency.subscriptions > 3 };"#;
    let mut state = bus(quota);
    let consumer = actor("c@b", &[Role::Steward]);
    done(&mut state, &consumer, request("b.third", "x.two", &[]));
    forbidden(&state, &consumer, request("b.fourth", "x.two", &[]));
    let end = |name: &str| json!({"command": "revoke-subscription", "subscription": name, "reason": "r"});
    done(&mut state, &consumer, end("b.third"));
    done(&mut state, &consumer, request("b.fourth", "x.two", &[]));
    // What is given up is not counted any more, by the question itself.
    let few = r#"forbid (principal, action == Action::"revoke-subscription", resource)
        when { resource.agency.subscriptions < 3 };"#;
    let standards = Standards { policies: policies(few), ..Standards::default() };
    done(&mut state, &operator(), json!({"command": "set-standards", "standards": standards}));
    forbidden(&state, &consumer, end("b.fourth"));
}

#[test]
fn whoever_takes_a_topic_over_is_held_to_mandate_and_quota_too() {
    let mut state = bus(&DEFAULTS.replace("2000", "1").replace("5000", "2"));
    let covers = |state: &mut State, domain: &str| {
        let change = json!({"command": "change-agency", "agency": "b", "domains": [domain]});
        done(state, &operator(), change);
    };
    let offer = |name: &str| json!({"command": "offer-topic", "topic": name, "to": "b", "on": "2026-02-01"});
    let taker = actor("c@b", &[Role::Steward]);
    let take =
        |name: &str| json!({"command": "accept-topic", "topic": name, "steward": "c@b", "deputy": "n@b"});
    covers(&mut state, "civil");
    let refused = forbidden(&state, &steward(), offer("x.one"));
    assert_eq!(
        refused.to_string(),
        "offer-topic of x.one is forbidden by the standards: what an agency takes over lies in the domains of its mandate \
         (policy taken-within-the-mandate)\noffer it to an agency whose mandate covers it, or ask an operator to add the \
         domain to the receiver's profile"
    );
    let succeed = |whose: &str, heir: &str| json!({"command": "propose-succession", "agency": whose, "on": "2026-02-01", "rest": heir, "shares": []});
    let refused = forbidden(&bus(OFFERS_TO_B), &operator(), succeed("a", "b"));
    assert!(refused.text.starts_with("offer-topic of x.one is forbidden"), "{refused}");

    covers(&mut state, "x");
    done(&mut state, &steward(), offer("x.one"));
    done(&mut state, &steward(), offer("x.two"));
    // The mandate may have changed since it was offered.
    covers(&mut state, "civil");
    assert!(forbidden(&state, &taker, take("x.one")).text.contains("taken-within-the-mandate"));
    covers(&mut state, "x");
    done(&mut state, &taker, take("x.one"));
    // One topic at most: what it has agreed to take counts before it is there.
    let refused = forbidden(&state, &taker, take("x.two"));
    assert!(
        refused.text.contains("with those that it takes over (policy quota-of-topics-taken)"),
        "{refused}"
    );

    let refused = forbidden(&state, &operator(), succeed("a", "b"));
    assert!(refused.text.starts_with("propose-succession of a is forbidden"), "{refused}");
    assert!(refused.text.contains("quota-of-topics-taken"), "{refused}");
    done(&mut state, &operator(), succeed("b", "a"));
    let mut own = request("a.own", "x.two", &[]);
    own["agency"] = json!("a");
    done(&mut state, &steward(), own);
    let accept = json!({"command": "accept-succession", "agency": "b", "successor": "a", "steward": "s@a", "deputy": "t@a"});
    assert!(forbidden(&state, &steward(), accept).text.contains("quota-of-subscriptions-taken"));
}

/// A policy that speaks of topics alone holds for those of a succession.
const OFFERS_TO_B: &str = r#"forbid (principal, action == Action::"offer-topic", resource)
    when { context.receiver == Agency::"b" };"#;

#[test]
fn what_was_asked_before_the_schema_grew_can_be_asked_again() {
    let state = bus("");
    let question = json!({"principal": "s@a", "action": "offer-topic", "resource": {"type": "Topic", "id": "x.one"},
        "context": {}, "entities": []});
    let asked: Asked = serde_json::from_value(question).unwrap();
    assert!(state.policies().judge_again(&asked).allowed);
    let frozen =
        r#"@id("frozen") forbid (principal, action == Action::"offer-topic", resource == Topic::"x.one");"#;
    assert_eq!(bus(frozen).policies().judge_again(&asked).policies(), ["frozen"]);
    // What policies of today ask for beyond that counts as forbidding, as ever.
    let verdict = bus(DEFAULTS).policies().judge_again(&asked);
    assert!(!verdict.allowed && !verdict.errors.is_empty(), "{verdict:?}");
}

#[test]
fn a_blocked_principal_and_a_blocked_agency_do_nothing() {
    let state = bus(r#"
        @id("blocked") @reason("under investigation")
        forbid (principal == Principal::"s@a", action, resource);
        forbid (principal in Agency::"b", action in [Action::"moving"], resource);"#);
    let refused = forbidden(&state, &steward(), create_topic("x.three"));
    assert!(refused.text.contains("under investigation (policy blocked)"), "{refused}");
    assert!(decided(&state, &actor("t@a", &[Role::Steward]), create_topic("x.three")).is_ok());
    let topic = state.topic(&crate::support::topic("x.one")).unwrap();
    assert!(policy::may_publish(&state, &actor("p@a", &[Role::Producer]), topic).is_ok());
    assert!(policy::may_publish(&state, &steward(), topic).is_err());
    let live = state.subscription(&"b.live".parse().unwrap()).unwrap();
    let refused = policy::may_consume(&state, &actor("k@b", &[Role::Consumer]), live, NOW).unwrap_err();
    assert!(refused.text.starts_with("consuming under b.live is forbidden"), "{refused}");
    assert!(decided(&state, &actor("c@b", &[Role::Steward]), request("b.new", "x.two", &[])).is_ok());
}

#[test]
fn the_standards_only_forbid() {
    let told = faults(r#"permit (principal, action == Action::"grant", resource);"#);
    assert!(told.contains("a permit opens nothing that the rules of the bus close"), "{told}");
    let state = bus("");
    let stranger = actor("c@b", &[Role::Steward]);
    assert_eq!(decided(&state, &stranger, create_topic("x.three")).unwrap_err().code, "not-allowed");
}

#[test]
fn what_a_command_implies_is_asked_too() {
    let mut state = bus(r#"forbid (principal, action == Action::"propose-contract", resource)
        when { context.contract.version > 1 };
        forbid (principal, action == Action::"create-principal", resource) unless { principal.roles.contains("operator") };"#);
    let register = |subject: &str| {
        let schema = json!({"format": "json-schema", "text": "{} more"});
        json!({"command": "register-schema", "subject": subject, "schema": schema})
    };
    let refused = forbidden(&state, &steward(), register("x.one-value"));
    assert!(refused.text.starts_with("propose-contract of x.one is forbidden"), "{refused}");
    assert!(decided(&state, &steward(), register("free")).is_ok());
    // Naming somebody makes a steward of them.
    let name = |who: &str| json!({"command": "change-topic", "topic": "x.one", "deputy": who});
    let refused = forbidden(&state, &steward(), name("new@a"));
    assert!(refused.text.starts_with("create-principal of new@a is forbidden"), "{refused}");
    assert!(decided(&state, &steward(), name("u@a")).is_ok());

    // Nor does a forbidden version go live with time.
    let later = NOW + 15 * 24 * 60 * 60 * 1000;
    let live = |state: &State| {
        clerk::due(state, later)
            .iter()
            .any(|fact| matches!(fact, Event::Contract(ContractEvent::ContractActivated { .. })))
    };
    assert!(live(&state));
    let text = r#"forbid (principal, action == Action::"activate-contract", resource in Domain::"x");"#;
    let standards = Standards { policies: policies(text), ..Standards::default() };
    done(&mut state, &operator(), json!({"command": "set-standards", "standards": standards}));
    assert!(!live(&state));
}

#[test]
fn a_class_on_a_node_is_that_of_the_fields_below_it() {
    let state = bus(DEFAULTS);
    let mut new = topic_with("x.y.three", json!({"": "internal"}));
    new["contract"]["schema"] = json!("birthDate");
    assert!(forbidden(&state, &steward(), new.clone()).text.contains("identifiers-are-personal"));
    new["contract"]["classify"] = json!({"": "internal", "/birthDate": "personal"});
    assert!(decided(&state, &steward(), new.clone()).is_ok());
    new["contract"]["extensions"] = json!({"iban": "internal"});
    assert!(forbidden(&state, &steward(), new).text.contains("identifiers-are-personal"));
}

#[test]
fn too_much_of_a_policy_is_refused_and_not_followed() {
    let nested = format!(
        "forbid (principal, action, resource) when {{ {}true{} }};",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert!(faults(&nested).contains("deep in one another"));
    assert!(faults(&format!("{}true", "if true then true else ".repeat(10_000))).contains("conditions (if)"));
    // What is within the bounds is read.
    let within =
        format!("forbid (principal, action, resource) when {{ {}true{} }};", "(".repeat(30), ")".repeat(30));
    assert!(Policies::read(&policies(&within)).is_ok());
    let long = format!(
        "forbid (principal, action, resource) when {{ {}true }};",
        "principal.roles.isEmpty() && ".repeat(250)
    );
    assert!(Policies::read(&policies(&long)).is_ok());
}

#[test]
fn faults_are_told_with_file_and_line() {
    assert_eq!(
        faults("forbid (principal, action, resource);\n\nforbid (principal;"),
        "central.cedar:3: unexpected token `;`"
    );
    let unknown = faults(
        r#"@id("n") forbid (principal, action == Action::"create-topic", resource) when { resource.nam == "x" };"#,
    );
    assert!(unknown.starts_with("central.cedar: policy n: ") && unknown.contains("`nam`"), "{unknown}");
    assert!(
        faults(r#"forbid (principal, action == Action::"creat-topic", resource);"#).contains("creat-topic")
    );
    assert!(faults(r#"forbid (principal == ?principal, action, resource);"#).contains("templates"));
    let twice = r#"@id("n") forbid (principal, action == Action::"publish", resource);"#;
    assert!(
        faults(&format!("{twice}\n{twice}")).contains("policy n: there is one of that name in central.cedar")
    );
    assert!(
        faults(r#"@id("chancery.mine") forbid (principal, action == Action::"publish", resource);"#)
            .contains("are the bus's")
    );
}

#[test]
fn nobody_locks_the_operators_out() {
    let mut state = closed(small_bus());
    let set = |text: &str| {
        let standards = Standards { policies: policies(text), ..Standards::default() };
        json!({"command": "set-standards", "standards": standards})
    };
    let refused = decided(&state, &operator(), set("forbid (principal, action, resource);")).unwrap_err();
    assert_eq!(refused.code, "locks-out");
    // Changing the standards is a decision under the standards in force.
    let only = r#"forbid (principal, action == Action::"set-standards", resource) unless { principal == Principal::"root@central" };"#;
    done(&mut state, &operator(), set(only));
    done(
        &mut state,
        &operator(),
        json!({"command": "create-principal", "principal": "o@central", "agency": "central", "roles": ["operator"]}),
    );
    let other = actor("o@central", &[Role::Operator]);
    forbidden(&state, &other, set(""));
    let disable = json!({"command": "disable-principal", "principal": "root@central"});
    assert_eq!(decided(&state, &other, disable).unwrap_err().code, "locks-out");
    let change = json!({"command": "change-principal", "principal": "root@central", "roles": ["regulator"]});
    assert_eq!(decided(&state, &other, change).unwrap_err().code, "locks-out");
    assert!(decided(&state, &operator(), set("")).is_ok());
}

#[test]
fn policies_that_cannot_be_read_any_more_forbid_all_but_mending_them() {
    let mut state = closed(small_bus());
    let standards = Standards { policies: policies("this was a policy once"), ..Standards::default() };
    let by = governance::By::own("root@central".parse().unwrap());
    apply(&mut state, &Event::Bus(BusEvent::StandardsSet { standards, by }), NOW);
    forbidden(&state, &steward(), create_topic("x.three"));
    let producer = actor("p@a", &[Role::Producer]);
    let topic = state.topic(&crate::support::topic("x.one")).unwrap();
    assert!(policy::may_publish(&state, &producer, topic).is_err());
    // The bus goes on telling agencies.
    let own = governance::Topic { name: crate::support::topic("bus.contract.proposed"), ..topic.clone() };
    assert!(policy::may_publish(&state, &producer, &own).is_ok());
    let mended = json!({"command": "set-standards", "standards": Standards::default()});
    assert!(decided(&state, &operator(), mended).is_ok());
}

#[test]
fn a_question_is_kept_whole_and_can_be_asked_again() {
    let state = bus(DEFAULTS);
    let refused = forbidden(&state, &steward(), create_topic("x.flat"));
    let (asked, policies_then) = refused.basis.unwrap().asked.unwrap();
    assert_eq!(policies_then.texts(), &policies(DEFAULTS));
    let kept: Asked = serde_json::from_str(&serde_json::to_string(&asked).unwrap()).unwrap();
    let verdict = Policies::read(&policies(DEFAULTS)).unwrap().judge(&kept);
    assert!(!verdict.allowed);
    assert_eq!(verdict.policies(), ["names-say-what-happened"]);
    assert!(Policies::default().judge(&kept).allowed);
}

#[test]
fn a_plan_says_whom_new_standards_would_hit() {
    let mut state = closed(small_bus());
    done(&mut state, &steward(), topic_with("x.three", json!({"/iban": "public"})));
    let files = BTreeMap::from([
        ("standards/standards.toml".to_owned(), "[limits]\nretention_min = \"100d\"\n".to_owned()),
        ("standards/defaults.cedar".to_owned(), DEFAULTS.to_owned()),
        ("standards/blocked.cedar".to_owned(), "forbid (principal == Principal::\"p@a\", action == Action::\"publish\", resource == Topic::\"x.one\");".to_owned()),
    ]);
    let desired = crate::support::desired(&files);
    assert_eq!(desired.to_files(), governance::Desired::from_files(&desired.to_files()).unwrap().to_files());
    let planned = plan(&state, &desired, NOW, &Check);
    assert_eq!(planned.steps[0].what, "~ standards\n    + blocked.cedar\n    + defaults.cedar");
    let stays = |topic: &str, why: &str| {
        format!("topic {topic} of a stays as it is, but would not be registered any more: {why}")
    };
    let name = "a topic's name says its domain, its entity and what happened, parted by dots (policy \
                names-say-what-happened)";
    let identifiers = "names like these hold personal data and are classified as personal or special (policy \
                       identifiers-are-personal)";
    let retention = "retention: 90d is outside the standards' 100d to 100y";
    let expected = [
        stays("x.one", name),
        stays("x.one", retention),
        "p@a could not publish to x.one any more: policy blocked.1".to_owned(),
        stays("x.three", &format!("{identifiers}; {name}")),
        stays("x.three", retention),
        stays("x.two", name),
        stays("x.two", retention),
    ];
    let hits = |state: &State, desired: &governance::Desired| {
        policy::hits(state, desired.standards.as_ref().unwrap(), NOW, &Check)
    };
    assert_eq!(hits(&state, &desired), expected);
    // What they hit already is nothing new.
    let state = crate::support::applied(&state, &desired);
    let without =
        BTreeMap::from([("standards/standards.toml".to_owned(), files["standards/standards.toml"].clone())]);
    let without = crate::support::desired(&without);
    let planned = plan(&state, &without, NOW, &Check);
    assert_eq!(planned.steps[0].what, "~ standards\n    - blocked.cedar\n    - defaults.cedar");
    assert!(hits(&state, &without).is_empty());
    let alone = BTreeMap::from([("standards/a.cedar".to_owned(), String::new())]);
    let faults = governance::Desired::from_files(&alone).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "standards/a.cedar: there is no standards.toml beside this policy; it may be empty"
    );
}

/// What a topic's steward permits ahead.
const AHEAD: &str = r#"
    @id("open-data") @reason("nothing about a person, for any agency that says what for")
    permit (principal, action == Action::"grant", resource)
    when { resource.purpose == "statistics" && !resource.clears.contains("special") };"#;

fn wish(name: &str, purpose: &str, clears: &[&str]) -> Value {
    let mut wish = request(name, "x.two", clears);
    wish["purpose"] = json!(purpose);
    wish
}

#[test]
fn a_steward_agrees_ahead_by_a_policy_of_the_topic() {
    let mut state = closed(small_bus());
    let change = |text: &str| json!({"command": "change-topic", "topic": "x.two", "access": text});
    let refused =
        decided(&state, &steward(), change(r#"forbid (principal, action == Action::"grant", resource);"#))
            .unwrap_err();
    assert!(refused.text.contains("a topic permits; what is forbidden is for the standards"), "{refused}");
    done(&mut state, &steward(), change(AHEAD));
    assert_eq!(decided(&state, &steward(), change(AHEAD)), Ok(Vec::new()));
    let consumer = actor("c@b", &[Role::Steward]);

    done(&mut state, &consumer, wish("b.open", "statistics", &[]));
    let open = state.subscription(&"b.open".parse().unwrap()).unwrap();
    assert!(open.is_live(NOW));
    let by = &open.granted.as_ref().unwrap().approvals[&governance::Side::Owner].by;
    assert_eq!((by.principal.as_str(), by.policy.as_deref()), ("s@a", Some("access.cedar:open-data")));

    // The consumer's own data protection officer is asked all the same.
    done(&mut state, &consumer, wish("b.personal", "statistics", &["personal"]));
    let personal: contract::SubscriptionName = "b.personal".parse().unwrap();
    assert_eq!(state.subscription(&personal).unwrap().status(NOW), "requested");
    done(
        &mut state,
        &actor("d@b", &[Role::Dpo]),
        json!({"command": "approve-subscription", "subscription": personal}),
    );
    assert_eq!(state.subscription(&personal).unwrap().status(NOW), "live");

    for (name, purpose, clears) in
        [("b.other", "marketing", &[][..]), ("b.special", "statistics", &["special"])]
    {
        let asked = done(&mut state, &consumer, wish(name, purpose, clears));
        assert!(
            matches!(asked[..], [Event::Subscription(SubscriptionEvent::SubscriptionRequested { .. })]),
            "{asked:?}"
        );
    }
    // Who wrote it ahead is not the other one of two who must both agree.
    let classes: ClassSet = ["internal"].into_iter().map(contract::Class::from).collect();
    let access = governance::Access { two_owners: classes, ..Default::default() };
    let standards = Standards { access, ..Standards::default() };
    done(&mut state, &operator(), json!({"command": "set-standards", "standards": standards}));
    done(&mut state, &consumer, wish("b.both", "statistics", &["internal"]));
    let approve = json!({"command": "approve-subscription", "subscription": "b.both"});
    assert_eq!(decided(&state, &steward(), approve.clone()).unwrap_err().code, "second-owner");
    done(&mut state, &actor("t@a", &[Role::Steward]), approve);
    assert!(state.subscription(&"b.both".parse().unwrap()).unwrap().is_live(NOW));
    done(&mut state, &operator(), json!({"command": "set-standards", "standards": Standards::default()}));
    // Wider terms that it permits are agreed to as well, others wait.
    let wider = |expires: &str| json!({"command": "change-subscription", "subscription": "b.open", "expires": expires});
    assert_eq!(done(&mut state, &consumer, wider("2029-01-01")).len(), 3);

    let standards = Standards {
        policies: policies(
            r#"forbid (principal, action == Action::"grant", resource) when { resource.days > 1200 };"#,
        ),
        ..Standards::default()
    };
    done(&mut state, &operator(), json!({"command": "set-standards", "standards": standards}));
    assert_eq!(done(&mut state, &consumer, wider("2030-01-01")).len(), 1);
}
