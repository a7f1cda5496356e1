//! What policies are asked: a command, a publication or a fetch as a Cedar request, with all that it speaks of.

use contract::{AgencyName, PrincipalName, SubscriptionName, TopicName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::GRANT;
use super::entities::{self, Gathered};
use super::handed::{self, Handed};
use crate::decide::Case;
use crate::events::{ContractEvent, PrincipalEvent};
use crate::{Actor, Command, ContractCheck, Event, State, Subscription, Topic, apply};

/// What making a topic is asked as.
pub(super) const REGISTERING: &str = "create-topic";
/// What a wish for a subscription is asked as.
pub(super) const REQUESTING: &str = "request-subscription";

/// A thing of a kind: `{"type": "Topic", "id": "civil.birth.registered"}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Its kind in the schema.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub id: String,
}

impl Reference {
    pub(super) fn new(kind: &str, id: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), id: id.into() }
    }
}

/// One question to the policies. It holds all that its answer depends on but the policies, so that it can be asked
/// again at any time. The form is frozen: the audit keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Who.
    pub principal: PrincipalName,
    /// What for.
    pub action: String,
    /// Of what.
    pub resource: Reference,
    /// What the action adds.
    pub context: Value,
    /// All that these speak of, as it would be; Cedar's JSON form of entities.
    pub entities: Value,
}

/// What a command is about.
enum About<'a> {
    Topic(&'a TopicName),
    Subscription(&'a SubscriptionName),
    Agency(&'a AgencyName),
    Principal(&'a PrincipalName),
    Subject(&'a str),
    Bus,
}

impl Asked {
    /// A command that the rules of the bus allow, with the facts it would become; and what of these is more than the
    /// command says of itself.
    pub(crate) fn of(case: &Case<'_>, command: &Command, facts: &[Event]) -> Vec<Self> {
        let Case { state, actor, now_ms, check } = *case;
        let ask = |action: &str, about: &About<'_>, context: Value| {
            Self::outcome(state, actor, (action, about, context), (facts, None), now_ms)
        };
        let handed = handed::by(state, command);
        let own = match handed.is_empty() {
            true => vec![ask(command.name(), &about(command), context(case, command))],
            false => Self::handing(case, command, &handed, facts),
        };
        let implied =
            facts.iter().filter_map(|fact| match (fact, command) {
                (
                    Event::Contract(ContractEvent::ContractProposed { definition, .. }),
                    Command::RegisterSchema { .. },
                ) => {
                    let context = json!({ "contract": entities::contract(definition, check) });
                    Some(ask("propose-contract", &About::Topic(&definition.topic), context))
                }
                (
                    Event::Contract(ContractEvent::ContractRetired { topic, .. }),
                    Command::DeleteSchema { .. },
                ) => Some(ask("retire-contract", &About::Topic(topic), json!({}))),
                (
                    Event::Principal(PrincipalEvent::PrincipalCreated { .. }),
                    Command::CreatePrincipal { .. } | Command::OpenBus { .. },
                )
                | (
                    Event::Principal(PrincipalEvent::PrincipalChanged { .. }),
                    Command::ChangePrincipal { .. },
                ) => None,
                (Event::Principal(PrincipalEvent::PrincipalCreated { principal, .. }), _) => {
                    Some(ask("create-principal", &About::Principal(principal), json!({})))
                }
                (Event::Principal(PrincipalEvent::PrincipalChanged { principal, .. }), _) => {
                    Some(ask("change-principal", &About::Principal(principal), json!({})))
                }
                _ => None,
            });
        own.into_iter().chain(implied).collect()
    }

    /// What goes to other agencies: asked for each who gets something, and for each topic of a succession.
    fn handing(case: &Case<'_>, command: &Command, handed: &[Handed<'_>], facts: &[Event]) -> Vec<Self> {
        let ask = |action: &str, about: &About<'_>, to: &Handed<'_>| {
            let facts = (facts, Some(to.receiver));
            Self::outcome(case.state, case.actor, (action, about, to.context()), facts, case.now_ms)
        };
        let own = handed.iter().map(|to| ask(command.name(), &about(command), to));
        let each = handed.iter().flat_map(|to| to.topics.iter().map(move |topic| (to, topic)));
        own.chain(each.map(|(to, topic)| ask(to.asked_as, &About::Topic(topic), to))).collect()
    }

    /// A version that goes live with time.
    pub(crate) fn activating(state: &State, by: &Actor, topic: &TopicName, now_ms: u64) -> Self {
        Self::outcome(state, by, ("activate-contract", &About::Topic(topic), json!({})), (&[], None), now_ms)
    }

    /// Agreeing to a request for access, with the facts of the request.
    pub(super) fn granting(
        state: &State,
        actor: &Actor,
        wish: &SubscriptionName,
        facts: &[Event],
        now_ms: u64,
    ) -> Self {
        let question = (GRANT, &About::Subscription(wish), json!({}));
        Self::outcome(state, actor, question, (facts, None), now_ms)
    }

    fn outcome(
        state: &State,
        actor: &Actor,
        (action, about, context): (&str, &About<'_>, Value),
        (facts, receiver): (&[Event], Option<&AgencyName>),
        now_ms: u64,
    ) -> Self {
        let outcome = outcome(state, about, facts, now_ms);
        let mut gathered = Gathered::new(state, &outcome, now_ms);
        receiver.iter().for_each(|receiver| drop(gathered.agency(receiver)));
        Self::gathered(&mut gathered, actor, action, about, context).with(gathered)
    }

    /// A question that `ask` asks of the state as it is, with all that it speaks of.
    pub(super) fn whole(
        state: &State,
        now_ms: u64,
        ask: impl FnOnce(&mut Gathered<'_>) -> Option<Self>,
    ) -> Option<Self> {
        let mut gathered = Gathered::new(state, state, now_ms);
        let asked = ask(&mut gathered)?;
        Some(asked.with(gathered))
    }

    /// Publishing to a topic. What it speaks of is gathered apart, as with the next ones: many questions speak of the
    /// same.
    pub(super) fn publishing(gathered: &mut Gathered<'_>, actor: &Actor, topic: &Topic) -> Self {
        gathered.topic(topic);
        Self::gathered(gathered, actor, "publish", &About::Topic(&topic.name), json!({}))
    }

    /// Taking events under a subscription, by the terms that hold.
    pub(super) fn consuming(
        gathered: &mut Gathered<'_>,
        actor: &Actor,
        subscription: &Subscription,
    ) -> Option<Self> {
        let topic = gathered.state.topic(&subscription.topic)?;
        gathered.subscription(subscription, topic, subscription.granted_terms());
        let about = About::Subscription(&subscription.name);
        Some(Self::gathered(gathered, actor, "consume", &about, json!({})))
    }

    /// Registering a topic as it is now.
    pub(super) fn registering(
        gathered: &mut Gathered<'_>,
        topic: &Topic,
        check: &dyn ContractCheck,
    ) -> Option<Self> {
        let definition = &topic.read_by().or_else(|| topic.newest())?.definition;
        let actor = gathered.state.principal(&topic.steward)?.actor();
        let context = json!({ "contract": entities::contract(definition, check) });
        Some(Self::gathered(gathered, &actor, REGISTERING, &About::Topic(&topic.name), context))
    }

    /// Asking for a subscription as it is now, by whoever did.
    pub(super) fn requesting(
        gathered: &mut Gathered<'_>,
        subscription: &Subscription,
        by: &Actor,
    ) -> Option<Self> {
        gathered.state.topic(&subscription.topic)?;
        let about = About::Subscription(&subscription.name);
        Some(Self::gathered(gathered, by, REQUESTING, &about, json!({})))
    }

    fn gathered(
        gathered: &mut Gathered<'_>,
        actor: &Actor,
        action: &str,
        about: &About<'_>,
        context: Value,
    ) -> Self {
        gathered.principal(&actor.principal);
        let resource = resource(gathered, about);
        let (principal, action) = (actor.principal.clone(), action.to_owned());
        Self { principal, action, resource, context, entities: Value::Null }
    }

    fn with(self, gathered: Gathered<'_>) -> Self {
        Self { entities: gathered.into_json(), ..self }
    }
}

/// What the thing is after the facts, with as much of the state as they need.
fn outcome(state: &State, about: &About<'_>, facts: &[Event], now_ms: u64) -> State {
    let mut outcome = match about {
        About::Topic(name) => state.only(Some(name), None),
        About::Subscription(name) => state.only(None, Some(name)),
        // Few facts about parties touch more than a record; the whole costs a copy of the maps.
        About::Agency(_) | About::Principal(_) => state.clone(),
        // Facts about these change nothing that is asked about.
        About::Subject(_) | About::Bus => return state.only(None, None),
    };
    facts.iter().for_each(|fact| apply(&mut outcome, fact, now_ms));
    outcome
}

fn resource(gathered: &mut Gathered<'_>, about: &About<'_>) -> Reference {
    let (state, outcome) = (gathered.state, gathered.outcome);
    match about {
        About::Topic(name) => {
            let topic = outcome.topic(name).or_else(|| state.topic(name));
            topic.iter().for_each(|topic| drop(gathered.topic(topic)));
            Reference::new("Topic", name.as_str())
        }
        About::Subscription(name) => {
            let found = outcome.subscription(name).or_else(|| state.subscription(name));
            if let Some(found) = found
                && let Some(topic) = state.topic(&found.topic)
            {
                gathered.subscription(found, topic, found.wanted_terms());
            }
            Reference::new("Subscription", name.as_str())
        }
        About::Agency(name) => {
            gathered.agency(name);
            Reference::new("Agency", name.as_str())
        }
        About::Principal(name) => {
            gathered.principal(name);
            Reference::new("Principal", name.as_str())
        }
        About::Subject(name) => {
            let of = Reference::new("Subject", *name);
            gathered.bare(&of, json!({ "name": name }));
            of
        }
        About::Bus => {
            let of = Reference::new("Bus", "bus");
            gathered.bare(&of, json!({}));
            of
        }
    }
}

fn context(case: &Case<'_>, command: &Command) -> Value {
    let check = case.check;
    match command {
        Command::CreateTopic(new) => json!({ "contract": entities::contract(&new.contract, check) }),
        Command::ProposeContract { definition } => {
            json!({ "contract": entities::contract(definition, check) })
        }
        _ => json!({}),
    }
}

fn about(command: &Command) -> About<'_> {
    match command {
        Command::OpenBus { .. } | Command::CloseBootstrap {} | Command::SetStandards { .. } => About::Bus,
        // Whose data it is stands in no policy: a policy could be made to tell people apart.
        Command::RequestErasure(_)
        | Command::ApproveErasure { .. }
        | Command::DeclineErasure { .. }
        | Command::WithdrawErasure { .. }
        | Command::AcknowledgeErasure { .. }
        | Command::ConfirmPublic(_)
        | Command::PlaceHold(_)
        | Command::LiftHold { .. } => About::Bus,
        Command::RegisterAgency(profile) => About::Agency(&profile.agency),
        Command::ChangeAgency(change) => About::Agency(&change.agency),
        Command::PublishSealingKey { agency, .. } | Command::RetireSealingKey { agency, .. } => {
            About::Agency(agency)
        }
        Command::ProposeSuccession { agency, .. }
        | Command::AcceptSuccession { agency, .. }
        | Command::WithdrawSuccession { agency, .. } => About::Agency(agency),
        Command::CreatePrincipal { principal, .. }
        | Command::ChangePrincipal { principal, .. }
        | Command::IssueToken { principal, .. }
        | Command::DisablePrincipal { principal }
        | Command::GiveDelegation { principal, .. }
        | Command::EndDelegation { principal } => About::Principal(principal),
        Command::CreateTopic(new) => About::Topic(&new.topic),
        Command::ChangeTopic(change) => About::Topic(&change.topic),
        Command::ProposeContract { definition } => About::Topic(&definition.topic),
        Command::ReleaseQuarantined(at) | Command::DiscardQuarantined(at) => About::Topic(&at.topic),
        Command::ConfirmTopic { topic }
        | Command::OfferTopic { topic, .. }
        | Command::AcceptTopic { topic, .. }
        | Command::WithdrawOffer { topic, .. }
        | Command::AcknowledgeContract { topic, .. }
        | Command::ObjectToContract { topic, .. }
        | Command::AnswerObjection { topic, .. }
        | Command::OverrideContract { topic, .. }
        | Command::ActivateContract { topic, .. }
        | Command::DeprecateContract { topic, .. }
        | Command::RetireContract { topic, .. } => About::Topic(topic),
        Command::RequestSubscription(request) => About::Subscription(&request.subscription),
        Command::ChangeSubscription(change) => About::Subscription(&change.subscription),
        Command::ApproveSubscription { subscription, .. }
        | Command::RefuseSubscription { subscription, .. }
        | Command::RevokeSubscription { subscription, .. } => About::Subscription(subscription),
        Command::RegisterSchema { subject, .. } | Command::DeleteSchema { subject, .. } => {
            About::Subject(subject)
        }
        Command::SetCompatibility { subject, .. } | Command::SetMode { subject, .. } => {
            // Without a subject it is about those that have no rule of their own.
            About::Subject(subject.as_deref().unwrap_or("*"))
        }
    }
}
