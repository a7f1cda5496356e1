//! Asking the policies, and what their answer means for who asked.

use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet,
    Request, Response, Schema,
};
use contract::SubscriptionName;
use serde::Serialize;
use serde_json::Value;

use super::read::{LOCAL, schema};
use super::{Asked, Policies, RIGHTS};
use crate::{Actor, Event, Refused, State, Subscription, Topic, notices};

/// What a decision rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Basis {
    /// The policies that determined it, by name.
    pub policies: Vec<String>,
    /// What they were asked, and all the policies that were; nothing where the standards have none.
    pub asked: Option<(Asked, Arc<Policies>)>,
    /// Migrations that were tried on events and for which no proposal stands, with what each came to: for the audit.
    pub tried: Vec<Value>,
    /// What was asked for the steps of a folder.
    pub steps: Steps,
}

/// How many steps of a folder keep what was asked for them.
const STEPS_KEPT: usize = 100;

/// What policies were asked for the steps of a folder, in their order, up to the one that was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// The first of them: the step in a line, what was asked, and all the policies that were.
    pub kept: Vec<(String, Asked, Arc<Policies>)>,
    /// How many more there were.
    pub left_out: u64,
}

impl Steps {
    /// A step, with what was asked for it, where anything was.
    pub(crate) fn add(&mut self, step: &str, asked: Option<(Asked, Arc<Policies>)>) {
        let Some((asked, policies)) = asked else { return };
        if self.kept.len() >= STEPS_KEPT {
            self.left_out += 1;
            return;
        }
        let line = step.lines().next().unwrap_or_default();
        self.kept.push((line.to_owned(), asked, policies));
    }
}

impl Basis {
    /// The rules of the bus, and nothing besides.
    pub fn rights() -> Self {
        Self { policies: vec![RIGHTS.to_owned()], ..Self::default() }
    }
}

/// A policy that determined an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Its name.
    pub policy: String,
    /// Why it is there.
    pub reason: Option<String>,
    /// What who it hits can do.
    pub remedy: Option<String>,
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether nothing forbids it.
    pub allowed: bool,
    /// What determined it: the policies that forbid, else those that permit.
    pub because: Vec<Reason>,
    /// Policies that could not be evaluated, and why; they count as forbidding.
    pub errors: Vec<String>,
}

impl Verdict {
    /// The names of the policies that determined it.
    pub fn policies(&self) -> Vec<String> {
        self.because.iter().map(|reason| reason.policy.clone()).collect()
    }

    /// Why it is forbidden by each policy that does, and what to do about the first.
    pub(super) fn why(&self) -> (String, Option<String>) {
        if let Some(error) = self.errors.first() {
            return (format!("a policy cannot be evaluated: {error}"), None);
        }
        if self.because.is_empty() {
            return ("no policy permits it".to_owned(), None);
        }
        let said = |one: &Reason| match &one.reason {
            Some(reason) => format!("{reason} (policy {})", one.policy),
            None => format!("policy {}", one.policy),
        };
        let said: Vec<String> = self.because.iter().map(said).collect();
        (said.join("; "), self.because.iter().find_map(|one| one.remedy.clone()))
    }
}

impl Policies {
    /// Answers one question.
    pub fn judge(&self, asked: &Asked) -> Verdict {
        self.judge_of(asked, &things(asked.entities.clone()))
    }

    /// Answers what was asked some time ago: what its action adds is not held to the schema, which may ask for more by
    /// now.
    pub fn judge_again(&self, asked: &Asked) -> Verdict {
        verdict(&self.set, request(asked, None), &things(asked.entities.clone()))
    }

    /// Answers one question, of whose things more may be asked.
    pub(super) fn judge_of(&self, asked: &Asked, things: &Things) -> Verdict {
        verdict(&self.set, request(asked, Some(schema())), things)
    }

    /// Whether nothing forbids it: the same answer without the reasons, which cost as much again.
    pub(super) fn allow(&self, asked: &Asked, things: &Things) -> bool {
        let (Ok(request), Ok(things)) = (request(asked, Some(schema())), things) else { return false };
        is_allowed(&Authorizer::new().is_authorized(&request, &self.set, things))
    }

    /// Answers one question, with what a topic permits.
    fn judge_with(&self, local: &Policies, asked: &Asked) -> Verdict {
        let mut set = self.set.clone();
        let own = local.set.policies().filter(|policy| policy.id() != &PolicyId::new(RIGHTS));
        let added = own.into_iter().try_for_each(|policy| {
            let name = PolicyId::new(format!("{LOCAL}:{}", policy.id()));
            set.add(policy.new_id(name)).map_err(|error| error.to_string())
        });
        match added {
            Ok(()) => verdict(&set, request(asked, Some(schema())), &things(asked.entities.clone())),
            Err(error) => Verdict { allowed: false, because: Vec::new(), errors: vec![error] },
        }
    }
}

/// What questions speak of, read by the schema; or why it cannot be read.
pub(super) type Things = Result<Entities, String>;

/// Reads Cedar's JSON form of entities.
pub(super) fn things(entities: Value) -> Things {
    Entities::from_json_value(entities, Some(schema())).map_err(|error| error.to_string())
}

fn verdict(set: &PolicySet, request: Result<Request, String>, things: &Things) -> Verdict {
    let asked = request.and_then(|request| Ok((request, things.as_ref().map_err(Clone::clone)?)));
    match asked {
        Ok((request, things)) => said(set, &Authorizer::new().is_authorized(&request, set, things)),
        Err(error) => Verdict { allowed: false, because: Vec::new(), errors: vec![error] },
    }
}

fn request(asked: &Asked, schema: Option<&Schema>) -> Result<Request, String> {
    let uid = |kind: &str, id: &str| {
        let kind: EntityTypeName = kind.parse().map_err(|_| format!("{kind:?} is not a kind of thing"))?;
        Ok::<_, String>(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
    };
    let action = uid("Action", &asked.action)?;
    let context = match asked.context.as_object() {
        Some(nothing) if nothing.is_empty() => Ok(Context::empty()),
        _ => Context::from_json_value(asked.context.clone(), schema.map(|schema| (schema, &action))),
    };
    let request = Request::new(
        uid("Principal", asked.principal.as_str())?,
        action,
        uid(&asked.resource.kind, &asked.resource.id)?,
        context.map_err(|error| error.to_string())?,
        schema,
    );
    request.map_err(|error| error.to_string())
}

fn said(set: &PolicySet, response: &Response) -> Verdict {
    let note = |policy: &PolicyId, key: &str| set.annotation(policy, key).map(str::to_owned);
    let reason = |policy: &PolicyId| Reason {
        policy: policy.to_string(),
        reason: note(policy, "reason"),
        remedy: note(policy, "remedy"),
    };
    let mut because: Vec<Reason> = response.diagnostics().reason().map(reason).collect();
    because.sort_by(|a, b| a.policy.cmp(&b.policy));
    let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
    Verdict { allowed: is_allowed(response), because, errors }
}

fn is_allowed(response: &Response) -> bool {
    response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none()
}

/// The policies that permit a request for access on the owner's side before anybody looks at it, if they do. `facts` are
/// those of the request.
pub(crate) fn granting(
    state: &State,
    actor: &Actor,
    topic: &Topic,
    (wish, facts): (&SubscriptionName, &[Event]),
    now_ms: u64,
) -> Option<String> {
    // Where nothing permits, nobody needs to ask.
    if topic.access.is_empty() {
        return None;
    }
    let asked = Asked::granting(state, actor, wish, facts, now_ms);
    let verdict = state.policies().judge_with(&topic.access, &asked);
    verdict.allowed.then(|| verdict.policies().join(", "))
}

/// The refusal of what policies forbid; `what` is "publishing to tax.payment.received".
pub(crate) fn forbidden(what: &str, verdict: &Verdict, asked: (Asked, Arc<Policies>)) -> Refused {
    let (why, remedy) = verdict.why();
    let refused =
        Refused::new("forbidden-by-standards", format!("{what} is forbidden by the standards: {why}"));
    let hint = remedy.unwrap_or_else(|| "chancery policy list shows the standards' policies".to_owned());
    let basis = Basis { policies: verdict.policies(), asked: Some(asked), ..Basis::default() };
    Refused { basis: Some(Box::new(basis)), ..refused.hint(hint) }
}

/// Whether the standards let the actor publish to the topic, beyond [`may_publish`](crate::rights::may_publish). The answer
/// is the same for as long as the state is. What the bus itself publishes nobody forbids: agencies are told.
pub fn may_publish(state: &State, actor: &Actor, topic: &Topic) -> Result<(), Refused> {
    if !state.policies().judge_events() || notices::is_own(&topic.name) {
        return Ok(());
    }
    let asked = Asked::whole(state, 0, |things| Some(Asked::publishing(things, actor, topic)));
    allowed(state, asked, &format!("publishing to {}", topic.name))
}

/// Whether the standards let the actor take events under the subscription, beyond
/// [`may_consume`](crate::rights::may_consume). The answer is the same for as long as the state is, to the day.
pub fn may_consume(
    state: &State,
    actor: &Actor,
    subscription: &Subscription,
    now_ms: u64,
) -> Result<(), Refused> {
    if !state.policies().judge_events() {
        return Ok(());
    }
    let asked = Asked::whole(state, now_ms, |things| Asked::consuming(things, actor, subscription));
    allowed(state, asked, &format!("consuming under {}", subscription.name))
}

fn allowed(state: &State, asked: Option<Asked>, what: &str) -> Result<(), Refused> {
    let Some(asked) = asked else { return Ok(()) };
    let verdict = state.policies().judge(&asked);
    if verdict.allowed { Ok(()) } else { Err(forbidden(what, &verdict, (asked, state.policies().clone()))) }
}
