//! Governance: the catalogue, commands, principals and folders.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bus::clock::rfc3339;
use contract::{PrincipalName, SubscriptionName};
use governance::state::Approval;
use governance::{Access, Command, Plan, Side, Subscription, Terms, Topic};
use serde_json::{Value, json};

use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::wire::{self, FilesBody, PrincipalBody, TokenBody};
use crate::{Door, found, ownership};

pub(crate) fn agency(agency: &governance::Agency, state: &governance::State, now_ms: u64) -> Value {
    let profile = &agency.profile;
    json!({
        "agency": agency.agency.as_str(), "name": profile.name, "mandate": profile.mandate,
        "contacts": profile.contacts, "dpo": profile.dpo, "sources": profile.sources, "domains": profile.domains,
        "registered_at": rfc3339(agency.registered_ms),
        "succession": ownership::succession(agency, state, now_ms),
    })
}

pub(crate) fn topic(topic: &Topic, state: &governance::State, now_ms: u64) -> Value {
    json!({
        "topic": topic.name.as_str(), "owner": topic.owner.as_str(), "steward": topic.steward.as_str(),
        "deputy": topic.deputy.as_str(), "description": topic.description, "legal_basis": topic.legal_basis,
        "latency": topic.latency.as_str(), "partitions": topic.partitions,
        "retention": governance::duration::to_text(topic.retention_s),
        "keep": (topic.keep_s > 0).then(|| governance::duration::to_text(topic.keep_s)),
        "key": String::from(topic.key.clone()), "created_at": rfc3339(topic.created_ms),
        "active": topic.active_versions().map(|version| version.number().0).collect::<Vec<_>>(),
        "ownership": ownership::of(topic, state, now_ms),
    })
}

fn terms(terms: &Terms) -> Value {
    json!({
        "purpose": terms.purpose, "legal_basis": terms.legal_basis, "clears": terms.clears,
        "expires": terms.expires.to_string(), "consent": terms.consent,
    })
}

fn approvals(approvals: &BTreeMap<Side, Approval>) -> Value {
    let one = |(side, approval): (&Side, &Approval)| {
        json!({
            "side": side.as_str(), "by": approval.by.principal.as_str(), "at": rfc3339(approval.at_ms),
            "instead_of": approval.by.instead_of.as_ref().map(PrincipalName::as_str), "policy": approval.by.policy, "conditions": approval.conditions,
        })
    };
    approvals.iter().map(one).collect()
}

/// A subscription as governance knows it.
pub(crate) fn subscription(subscription: &Subscription, access: &Access, now_ms: u64) -> Value {
    let requested = subscription.requested.as_ref().map(|request| {
        let mut value = terms(&request.terms);
        value["asked_by"] = request.by.principal.as_str().into();
        value["approvals"] = approvals(&request.approvals);
        value["waits_for"] = request.missing(access).into_iter().map(Side::as_str).collect();
        value
    });
    let granted = subscription.granted.as_ref().map(|grant| {
        let mut value = terms(&grant.terms);
        value["since"] = rfc3339(grant.since_ms).into();
        value["approvals"] = approvals(&grant.approvals);
        value["conditions"] = grant.conditions().collect();
        value["expires_soon"] = subscription.ends_soon(now_ms).into();
        value
    });
    let formerly = subscription
        .formerly
        .iter()
        .map(|former| json!({"agency": former.agency.as_str(), "until": rfc3339(former.until_ms)}));
    json!({
        "formerly": formerly.collect::<Vec<_>>(),
        "subscription": subscription.name.as_str(), "topic": subscription.topic.as_str(),
        "agency": subscription.agency.as_str(), "status": subscription.status(now_ms),
        "granted": granted, "requested": requested,
        "carried_on": subscription.carried_on().map(|version| version.0),
        "ended": subscription.ended.as_ref().map(|end| json!({
            "reason": end.reason, "by": end.by.principal.as_str(), "at": rfc3339(end.at_ms),
        })),
    })
}

/// A subscription, and whether anybody uses it.
fn used_subscription(door: &Door, found: &Subscription, access: &Access) -> Result<Value, Problem> {
    let (mut shown, usage) = (subscription(found, access, door.bus.now_ms()), door.bus.usage(found)?);
    shown["unused"] = usage.unused.into();
    shown["last_commit"] = usage.last_commit_ms.map(rfc3339).into();
    Ok(shown)
}

/// `GET /v1/agencies`.
pub async fn agencies(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    let now_ms = door.bus.now_ms();
    let shown: Vec<Value> = state.agencies().map(|found| agency(found, &state, now_ms)).collect();
    Ok(Json(json!({ "agencies": shown })))
}

/// `GET /v1/agencies/{agency}`.
pub async fn one_agency(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    Ok(Json(agency(found::agency(&state, &name)?, &state, door.bus.now_ms())))
}

/// `GET /v1/principals`.
pub async fn principals(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let now_ms = door.bus.now_ms();
    let one = |principal: &governance::Principal| {
        json!({
            "principal": principal.principal.as_str(), "agency": principal.agency.as_str(),
            "roles": principal.roles, "has_token": principal.token_hash.is_some(), "disabled": principal.disabled,
            "speaks_for_it": principal.speaker(now_ms).map(PrincipalName::as_str),
            "away_until": principal.delegation.as_ref().filter(|_| principal.speaker(now_ms).is_some())
                .map(|delegation| delegation.until.to_string()),
        })
    };
    Ok(Json(json!({ "principals": door.bus.principals(&caller).iter().map(one).collect::<Vec<_>>() })))
}

/// `POST /v1/principals`.
pub async fn create_principal(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<(StatusCode, Json<TokenBody>), Problem> {
    let body: PrincipalBody = wire::read(&body)?;
    let principal: PrincipalName = wire::name(&body.principal)?;
    let agency = body.agency.as_deref().map(wire::name).transpose()?.unwrap_or_else(|| principal.agency());
    let roles = body.roles.iter().map(|role| wire::name(role)).collect::<Result<_, _>>()?;
    let made = door.bus.create_principal(&caller, principal, agency, roles).await?;
    Ok((StatusCode::CREATED, Json(TokenBody { principal: made.principal.to_string(), token: made.token })))
}

/// `POST /v1/principals/{name}/token`.
pub async fn issue_token(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<TokenBody>, Problem> {
    let made = door.bus.issue_token(&caller, wire::name(&name)?).await?;
    Ok(Json(TokenBody { principal: made.principal.to_string(), token: made.token }))
}

/// `GET /v1/topics`.
pub async fn topics(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    let now_ms = door.bus.now_ms();
    let shown: Vec<Value> = state.topics().map(|found| topic(found, &state, now_ms)).collect();
    Ok(Json(json!({ "topics": shown })))
}

/// `GET /v1/topics/{topic}`.
pub async fn one_topic(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    Ok(Json(topic(found::topic(&state, &name)?, &state, door.bus.now_ms())))
}

/// `GET /v1/subscriptions`.
pub async fn subscriptions(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    let access = &state.standards().access;
    let seen = door.bus.subscriptions(&caller);
    let shown =
        seen.iter().map(|found| used_subscription(&door, found, access)).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "subscriptions": shown })))
}

/// `GET /v1/subscriptions/{name}`.
pub async fn one_subscription(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let wanted: SubscriptionName = wire::name(&name)?;
    let found = door.bus.may_oversee(&caller, &wanted)?;
    let state = door.bus.state(&caller)?;
    Ok(Json(used_subscription(&door, &found, &state.standards().access)?))
}

/// `POST /v1/govern`.
pub async fn govern(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let command: Command = wire::read(&body)?;
    let governed = door.bus.govern(&caller, command).await?;
    Ok(Json(json!({ "events": governed.events })))
}

fn planned(plan: &Plan) -> Value {
    let steps = plan.steps.iter().map(|step| json!({ "what": step.what }));
    json!({
        "steps": steps.collect::<Vec<_>>(), "refused": plan.refused, "waits": plan.waits, "unmanaged": plan.unmanaged, "hits": plan.hits,
        "advice": plan.advice,
    })
}

/// `POST /v1/plan`.
pub async fn plan(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: FilesBody = wire::read(&body)?;
    Ok(Json(planned(&door.bus.plan(&caller, &body.files, body.part).await?)))
}

/// `POST /v1/apply`.
pub async fn apply(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: FilesBody = wire::read(&body)?;
    let plan = door.bus.apply(&caller, &body.files, body.close_bootstrap).await?;
    let applied: Vec<&str> = plan.steps.iter().map(|step| step.what.as_str()).collect();
    Ok(Json(json!({ "applied": applied, "waits": plan.waits, "advice": plan.advice })))
}
