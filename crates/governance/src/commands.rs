//! What can be asked for. Doors and the command line send these as JSON; a plan is a list of them.
//!
//! Fields that a refusal must be able to name as missing are optional here and demanded by `decide`, so that whoever
//! registers something hears everything that is wrong with it at once.

mod agencies;
mod erasure;
mod names;
mod subscriptions;
mod topics;

use std::sync::Arc;

use contract::schemas::Compatibility;
use contract::{AgencyName, ContractVersion, Definition, PrincipalName, SubscriptionName, TopicName};
use serde::{Deserialize, Serialize};

use crate::state::Share;
use crate::{Date, Mode, Roles, Schema, Scram, Standards, TokenHash};
pub use agencies::{AgencyChange, AgencyProfile};
pub use erasure::{ErasureRequest, NewHold};
pub use subscriptions::{SubscriptionChange, SubscriptionRequest};
pub use topics::{NewTopic, PublicFields, QuarantinedAt, TopicChange};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// First start: the central agency and its operator, who is behind the `@`.
    OpenBus {
        /// The first operator.
        operator: PrincipalName,
        /// The human name of its agency.
        name: String,
        /// The operator's token.
        token_hash: TokenHash,
        /// The same for SCRAM.
        #[serde(default)]
        scram: Option<Arc<Scram>>,
    },
    /// From now on the standards' approvals hold for everybody.
    CloseBootstrap {},
    /// Sets the central rules.
    SetStandards {
        /// All of them.
        standards: Standards,
    },
    /// A new agency.
    RegisterAgency(AgencyProfile),
    /// Another profile of an agency; what is left out stays.
    ChangeAgency(AgencyChange),
    /// A key of an agency, for which producers seal what a contract wants sealed end to end.
    PublishSealingKey {
        /// Whose.
        agency: AgencyName,
        /// The public key, `e2e-public1.…`.
        public_key: String,
    },
    /// Nothing is sealed for a key any more.
    RetireSealingKey {
        /// Whose.
        agency: AgencyName,
        /// Its id.
        key: String,
        /// Why.
        reason: String,
    },
    /// A new principal.
    CreatePrincipal {
        /// `name@agency`.
        principal: PrincipalName,
        /// Its agency, the one behind the `@`.
        agency: AgencyName,
        /// What it is there to do.
        roles: Roles,
        /// Its token; without one it cannot call yet.
        #[serde(default)]
        token_hash: Option<TokenHash>,
        /// The same for SCRAM.
        #[serde(default)]
        scram: Option<Arc<Scram>>,
    },
    /// Other roles for a principal.
    ChangePrincipal {
        /// Whose.
        principal: PrincipalName,
        /// All of its roles from now on.
        roles: Roles,
    },
    /// A token for a principal; its former token ends.
    IssueToken {
        /// Whose.
        principal: PrincipalName,
        /// The new token.
        token_hash: TokenHash,
        /// The same for SCRAM.
        #[serde(default)]
        scram: Option<Arc<Scram>>,
    },
    /// Ends a principal and its token.
    DisablePrincipal {
        /// Whom.
        principal: PrincipalName,
    },
    /// Another principal of the agency speaks for this one until a day: who is away is missed by nobody.
    GiveDelegation {
        /// Who is away.
        principal: PrincipalName,
        /// Who speaks.
        to: PrincipalName,
        /// The first day on which it does not hold any more.
        until: Date,
        /// Why.
        reason: String,
    },
    /// The principal speaks for itself alone again.
    EndDelegation {
        /// Who is back.
        principal: PrincipalName,
    },
    /// A new topic with its first contract, active at once.
    CreateTopic(NewTopic),
    /// Other properties of a topic; what is left out stays.
    ChangeTopic(TopicChange),
    /// The topic's steward or deputy says that they still answer for it.
    ConfirmTopic {
        /// Which.
        topic: TopicName,
    },
    /// The topic's steward or deputy offers it to another agency.
    OfferTopic {
        /// Which.
        topic: TopicName,
        /// To whom.
        to: AgencyName,
        /// From which day on it is theirs.
        on: Date,
    },
    /// A steward of that agency takes the topic, and names who will answer for it.
    AcceptTopic {
        /// Which.
        topic: TopicName,
        /// Who will answer for it.
        steward: PrincipalName,
        /// Who will when the steward cannot.
        deputy: PrincipalName,
    },
    /// The owner takes an offer back, or the other agency declines it.
    WithdrawOffer {
        /// Of which topic.
        topic: TopicName,
        /// Why.
        reason: String,
    },
    /// An operator says who gets what an agency has, and on which day.
    ProposeSuccession {
        /// Who is succeeded.
        agency: AgencyName,
        /// On which day.
        on: Date,
        /// Who gets what.
        #[serde(default)]
        shares: Vec<Share>,
        /// Who gets all that no share lists.
        #[serde(default)]
        rest: Option<AgencyName>,
    },
    /// A steward of a successor agrees, and names who will answer for the topics that it gets.
    AcceptSuccession {
        /// Who is succeeded.
        agency: AgencyName,
        /// By whom.
        successor: AgencyName,
        /// Who will answer for its topics.
        steward: PrincipalName,
        /// Who will when the steward cannot.
        deputy: PrincipalName,
    },
    /// The operator takes a succession back, or a successor declines it.
    WithdrawSuccession {
        /// Who is not succeeded.
        agency: AgencyName,
        /// Why.
        reason: String,
    },
    /// A data protection officer says that public fields that speak of a person hold nobody's data.
    ConfirmPublic(PublicFields),
    /// A data protection officer says that what was found in an event is nobody's data.
    ReleaseQuarantined(QuarantinedAt),
    /// A data protection officer says that nobody is to read an event for what was found in it.
    DiscardQuarantined(QuarantinedAt),
    /// A new version of a topic's contract, or other text for one that is still proposed.
    ProposeContract {
        /// The agreement.
        definition: Arc<Definition>,
    },
    /// A subscribed agency agrees to a proposed version.
    AcknowledgeContract {
        /// The topic.
        topic: TopicName,
        /// The proposed version.
        version: ContractVersion,
        /// For which agency.
        agency: AgencyName,
    },
    /// A subscribed agency objects to a proposed version, which cannot become active until it agrees.
    ObjectToContract {
        /// The topic.
        topic: TopicName,
        /// The proposed version.
        version: ContractVersion,
        /// For which agency.
        agency: AgencyName,
        /// Why.
        reason: String,
    },
    /// The topic's steward answers an objection; whether it stands is for the agency to say.
    AnswerObjection {
        /// The topic.
        topic: TopicName,
        /// The proposed version.
        version: ContractVersion,
        /// Whose objection.
        agency: AgencyName,
        /// What is said to it.
        answer: String,
    },
    /// One of two people of different agencies, of whom one is an operator, lets a version go live without waiting for
    /// anybody.
    OverrideContract {
        /// The topic.
        topic: TopicName,
        /// The proposed version.
        version: ContractVersion,
        /// Why.
        reason: String,
    },
    /// Events may follow the version from now on.
    ActivateContract {
        /// The topic.
        topic: TopicName,
        /// The version.
        version: ContractVersion,
    },
    /// Announces the end of a version.
    DeprecateContract {
        /// The topic.
        topic: TopicName,
        /// The version.
        version: ContractVersion,
        /// From this day on it can be retired and takes no event.
        sunset: Date,
    },
    /// Ends a deprecated version.
    RetireContract {
        /// The topic.
        topic: TopicName,
        /// The version.
        version: ContractVersion,
    },
    /// Asks for an agency's place in a topic.
    RequestSubscription(SubscriptionRequest),
    /// The topic's steward, or the consumer agency's data protection officer, agrees.
    ApproveSubscription {
        /// Which.
        subscription: SubscriptionName,
        /// What the approval is tied to, for people to keep to: a line each.
        #[serde(default)]
        conditions: Vec<String>,
    },
    /// One of those who would have to agree does not.
    RefuseSubscription {
        /// Which.
        subscription: SubscriptionName,
        /// Why.
        reason: String,
    },
    /// Asks for other terms; the old ones hold until the new ones are approved. Narrower terms hold at once.
    ChangeSubscription(SubscriptionChange),
    /// Ends a subscription.
    RevokeSubscription {
        /// Which.
        subscription: SubscriptionName,
        /// Why.
        reason: String,
    },
    /// A schema under a subject: a proposed version of a topic's contract, or a free schema.
    RegisterSchema {
        /// Where.
        subject: String,
        /// What.
        schema: Arc<Schema>,
        /// Whether it is brought into one form first.
        #[serde(default)]
        normalize: bool,
    },
    /// Ends a version of a subject, or all of them.
    DeleteSchema {
        /// Which.
        subject: String,
        /// Which version of it; left out: all.
        #[serde(default)]
        version: Option<u32>,
        /// Whether a version that was deleted before is forgotten.
        #[serde(default)]
        permanently: bool,
    },
    /// How versions of a subject relate; without a subject, of all that have no rule of their own.
    SetCompatibility {
        /// Which.
        #[serde(default)]
        subject: Option<String>,
        /// How; left out: as for all.
        #[serde(default)]
        compatibility: Option<Compatibility>,
    },
    /// Whether a subject takes schemas; without a subject, whether any does.
    SetMode {
        /// Which.
        #[serde(default)]
        subject: Option<String>,
        /// Whether; left out: as for all.
        #[serde(default)]
        mode: Option<Mode>,
    },
    /// Asks that what is sealed about a person becomes unreadable, for good.
    RequestErasure(ErasureRequest),
    /// Another person agrees; whatever nothing stands in the way of is erased at once.
    ApproveErasure {
        /// Which.
        erasure: String,
    },
    /// A data protection officer does not want what their agency's keys seal erased; an operator, all of it.
    DeclineErasure {
        /// Which.
        erasure: String,
        /// Why.
        reason: String,
    },
    /// Who asked takes it back.
    WithdrawErasure {
        /// Which.
        erasure: String,
        /// Why.
        reason: String,
    },
    /// An agency that was handed events about the person says what it did with them.
    AcknowledgeErasure {
        /// Which.
        erasure: String,
        /// For which agency.
        agency: AgencyName,
        /// The legal ground on which it keeps them; left out: it deleted them.
        #[serde(default)]
        kept: Option<String>,
    },
    /// Something must not be erased or deleted for the time being.
    PlaceHold(NewHold),
    /// It may be again.
    LiftHold {
        /// Which.
        hold: String,
        /// Why.
        reason: String,
    },
}
