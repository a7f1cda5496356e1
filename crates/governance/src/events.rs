//! What was decided: the facts of the governance stream, as they stand on disk.
//!
//! Tags and field names are frozen. A new fact gets a new tag, a new field a default; an unknown field is passed over, so
//! that an older program reads a newer stream as far as it understands it. `tests/encoding.rs` holds one of each.

mod who;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::schemas::Compatibility;
use contract::{
    AgencyName, ContractVersion, Definition, KeyRule, Pointer, PrincipalName, Rehearsal, SubscriptionName,
    TopicName,
};
use serde::{Deserialize, Serialize};

use crate::leaks::Answer;
use crate::state::{EventAt, Found, Handed, HoldOn, Latency, Mode, Profile, Schema, Shares, Terms};
pub use who::{By, Side};

use crate::{Date, Impact, Role, Roles, Scram, Standards, TokenHash};

/// A fact of governance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum Event {
    /// The bus has its first operator.
    BusOpened {
        #[serde(flatten)]
        by: By,
    },
    /// From now on the standards' approvals hold for everybody.
    BootstrapClosed {
        #[serde(flatten)]
        by: By,
    },
    /// The central rules are these.
    StandardsSet {
        standards: Standards,
        #[serde(flatten)]
        by: By,
    },
    /// An agency joined.
    AgencyRegistered {
        agency: AgencyName,
        profile: Profile,
        #[serde(flatten)]
        by: By,
    },
    /// An agency's profile is this now.
    AgencyChanged {
        agency: AgencyName,
        profile: Profile,
        #[serde(flatten)]
        by: By,
    },
    /// Producers seal for this key of an agency.
    SealingKeyPublished {
        agency: AgencyName,
        /// Its id.
        key: String,
        public_key: String,
        #[serde(flatten)]
        by: By,
    },
    /// Nothing is sealed for a key any more.
    SealingKeyRetired {
        agency: AgencyName,
        key: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A principal exists.
    PrincipalCreated {
        principal: PrincipalName,
        agency: AgencyName,
        roles: Roles,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_hash: Option<TokenHash>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scram: Option<Arc<Scram>>,
        #[serde(flatten)]
        by: By,
    },
    /// A principal's roles are these now.
    PrincipalChanged {
        principal: PrincipalName,
        roles: Roles,
        #[serde(flatten)]
        by: By,
    },
    /// A principal's token is this now.
    TokenIssued {
        principal: PrincipalName,
        token_hash: TokenHash,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scram: Option<Arc<Scram>>,
        #[serde(flatten)]
        by: By,
    },
    /// A principal and its token ended.
    PrincipalDisabled {
        principal: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// A principal lets another one speak for it until a day.
    DelegationGiven {
        principal: PrincipalName,
        to: PrincipalName,
        until: Date,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A principal speaks for itself alone again.
    DelegationEnded {
        principal: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// A topic exists; its contract follows.
    TopicCreated {
        topic: TopicName,
        owner: AgencyName,
        steward: PrincipalName,
        deputy: PrincipalName,
        description: String,
        legal_basis: String,
        latency: Latency,
        partitions: u32,
        retention_s: u64,
        #[serde(default, skip_serializing_if = "is_none")]
        keep_s: u64,
        key: KeyRule,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        access: String,
        #[serde(flatten)]
        by: By,
    },
    /// A topic's properties changed to those that are here.
    TopicChanged {
        topic: TopicName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steward: Option<PrincipalName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deputy: Option<PrincipalName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        legal_basis: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention_s: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep_s: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<String>,
        #[serde(flatten)]
        by: By,
    },
    /// Somebody said again that they answer for a topic.
    TopicConfirmed {
        topic: TopicName,
        #[serde(flatten)]
        by: By,
    },
    /// A topic's steward or deputy ended as a principal.
    StewardLeft {
        topic: TopicName,
        person: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// The word that somebody answers for a topic has grown old; without another the topic is frozen then.
    ConfirmationDue {
        topic: TopicName,
        freezes_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A topic will soon be frozen for change.
    FreezeAhead {
        topic: TopicName,
        freezes_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// Nobody answers for a topic: it is frozen for change, and takes no events from then on.
    TopicOrphaned {
        topic: TopicName,
        suspends_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A topic will soon take no events any more.
    SuspensionAhead {
        topic: TopicName,
        suspends_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A topic takes no events.
    TopicSuspended {
        topic: TopicName,
        #[serde(flatten)]
        by: By,
    },
    /// Somebody answers for an orphaned topic again.
    TopicHealed {
        topic: TopicName,
        #[serde(flatten)]
        by: By,
    },
    /// A topic's owner offers it to another agency, from a day on.
    TopicOffered {
        topic: TopicName,
        to: AgencyName,
        on: Date,
        #[serde(flatten)]
        by: By,
    },
    /// That agency takes the topic, and these will answer for it.
    TopicAccepted {
        topic: TopicName,
        steward: PrincipalName,
        deputy: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// A topic is not offered any more.
    OfferWithdrawn {
        topic: TopicName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A topic belongs to another agency.
    TopicTransferred {
        topic: TopicName,
        owner: AgencyName,
        steward: PrincipalName,
        deputy: PrincipalName,
        accepted_by: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// What an agency has is to go to others, on a day.
    SuccessionProposed {
        agency: AgencyName,
        on: Date,
        #[serde(flatten)]
        shares: Shares,
        #[serde(flatten)]
        by: By,
    },
    /// A successor agrees, and these will answer for the topics that it gets.
    SuccessionAccepted {
        agency: AgencyName,
        successor: AgencyName,
        steward: PrincipalName,
        deputy: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// An agency is not to be succeeded any more.
    SuccessionWithdrawn {
        agency: AgencyName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription is another agency's, under the name that it has.
    SubscriptionMoved {
        subscription: SubscriptionName,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// A subject that is no topic's is another agency's.
    SubjectMoved {
        subject: String,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// All that an agency had is its successors' now.
    AgencySucceeded {
        agency: AgencyName,
        successors: BTreeSet<AgencyName>,
        #[serde(flatten)]
        by: By,
    },
    /// A version is proposed; in place of what was proposed under its number, with nobody's agreement yet.
    ContractProposed {
        definition: Arc<Definition>,
        /// The schema as it was registered, where it came by way of the registry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registered: Option<Arc<Schema>>,
        /// What it changes; a topic's first version changes nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact: Option<Impact>,
        /// What its migration made of real events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rehearsal: Option<Rehearsal>,
        #[serde(flatten)]
        by: By,
    },
    /// A subscribed agency agreed.
    ContractAcknowledged {
        topic: TopicName,
        version: ContractVersion,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// A subscribed agency objected.
    ContractObjected {
        topic: TopicName,
        version: ContractVersion,
        agency: AgencyName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// The owner answered an objection.
    ObjectionAnswered {
        topic: TopicName,
        version: ContractVersion,
        agency: AgencyName,
        answer: String,
        #[serde(flatten)]
        by: By,
    },
    /// Somebody overrides what the version waits for.
    ContractOverridden {
        topic: TopicName,
        version: ContractVersion,
        reason: String,
        /// In which role.
        role: Role,
        #[serde(flatten)]
        by: By,
    },
    /// Events may follow the version.
    ContractActivated {
        topic: TopicName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// The version's end is announced.
    ContractDeprecated {
        topic: TopicName,
        version: ContractVersion,
        sunset: Date,
        #[serde(flatten)]
        by: By,
    },
    /// The version ended.
    ContractRetired {
        topic: TopicName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// An agency asked for a place in a topic.
    SubscriptionRequested {
        subscription: SubscriptionName,
        topic: TopicName,
        agency: AgencyName,
        terms: Terms,
        #[serde(flatten)]
        by: By,
    },
    /// An agency asked for other terms of a subscription that it has.
    SubscriptionChangeRequested {
        subscription: SubscriptionName,
        terms: Terms,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription's terms became narrower, which needs nobody's approval.
    SubscriptionNarrowed {
        subscription: SubscriptionName,
        terms: Terms,
        #[serde(flatten)]
        by: By,
    },
    /// One side approved what is asked for.
    SubscriptionApproved {
        subscription: SubscriptionName,
        side: Side,
        /// What it is tied to.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<String>,
        #[serde(flatten)]
        by: By,
    },
    /// All who must approve have: the terms asked for hold.
    SubscriptionGranted {
        subscription: SubscriptionName,
        #[serde(flatten)]
        by: By,
    },
    /// What is asked for was refused; terms granted before still hold.
    SubscriptionRefused {
        subscription: SubscriptionName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// The subscription ended.
    SubscriptionRevoked {
        subscription: SubscriptionName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription's end is near; its agency may ask for a later day.
    SubscriptionExpiring {
        subscription: SubscriptionName,
        expires: Date,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription's day came.
    SubscriptionExpired {
        subscription: SubscriptionName,
        #[serde(flatten)]
        by: By,
    },
    /// The subscription goes on by this version though its topic went past it: newer events are taken back to it.
    SubscriptionCarried {
        subscription: SubscriptionName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// The subscription is carried no more: it has come to this version.
    SubscriptionCaughtUp {
        subscription: SubscriptionName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// An event of this version cannot be taken back to the one that the subscription is carried on: it is set aside, and
    /// so may others of it be.
    EventsSetAside {
        subscription: SubscriptionName,
        version: ContractVersion,
        carried_on: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// A schema stands under a subject that is no topic's.
    SchemaRegistered {
        subject: String,
        agency: AgencyName,
        version: u32,
        schema: Arc<Schema>,
        #[serde(flatten)]
        by: By,
    },
    /// A version of such a subject is gone: softly, or for good.
    SchemaDeleted {
        subject: String,
        version: u32,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        permanently: bool,
        #[serde(flatten)]
        by: By,
    },
    /// How versions of a subject, or of all, relate from now on; nothing: as for all.
    CompatibilitySet {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compatibility: Option<Compatibility>,
        #[serde(flatten)]
        by: By,
    },
    /// Whether a subject, or all, take schemas from now on; nothing: as for all.
    ModeSet {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<Mode>,
        #[serde(flatten)]
        by: By,
    },
    /// The erasure of a person is asked for: of what each of these agencies' keys seal about them.
    ErasureRequested {
        erasure: String,
        parts: Vec<Found>,
        reason: String,
        /// For which agencies who asks is their data protection officer.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        speaks_for: BTreeSet<AgencyName>,
        #[serde(flatten)]
        by: By,
    },
    /// Somebody else agrees.
    ErasureApproved {
        erasure: String,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        speaks_for: BTreeSet<AgencyName>,
        #[serde(flatten)]
        by: By,
    },
    /// What these agencies' keys seal is not erased.
    ErasureDeclined {
        erasure: String,
        agencies: BTreeSet<AgencyName>,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// What is not erased yet stays.
    ErasureWithdrawn {
        erasure: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// There is other data about the person than was known, and some of it must be kept.
    ErasureLooked {
        erasure: String,
        agency: AgencyName,
        topics: BTreeMap<TopicName, u64>,
        #[serde(flatten)]
        by: By,
    },
    /// Another agency has a word in it than when it was asked for: a topic changed hands, or more was found.
    ErasureAskedOf {
        erasure: String,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// What an agency's keys seal about the person is erased: there is no key under this pseudonym any more.
    PersonErased {
        erasure: String,
        agency: AgencyName,
        pseudonym: String,
        /// Where there were events about them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        topics: BTreeMap<TopicName, u64>,
        #[serde(flatten)]
        by: By,
    },
    /// An agency that was handed events about the person has to delete what it has of them, or say why not.
    ErasureTold {
        erasure: String,
        agency: AgencyName,
        to: AgencyName,
        handed: Vec<Handed>,
        some: Vec<EventAt>,
        #[serde(flatten)]
        by: By,
    },
    /// All who were handed events about the person are told.
    ErasureTraced {
        erasure: String,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// An agency says what it did with the events that it was handed.
    ErasureAnswered {
        erasure: String,
        agency: AgencyName,
        /// The legal ground on which it keeps them; nothing: it deleted them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
        #[serde(flatten)]
        by: By,
    },
    /// Public fields of a topic that speak of a person hold nobody's data: an agency's data protection officer says so.
    PublicConfirmed {
        topic: TopicName,
        agency: AgencyName,
        fields: BTreeSet<Pointer>,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// Personal data was found where a topic's contract says there is none: told of each place and detector once a day.
    LeakFound {
        topic: TopicName,
        /// A pointer into the documents, or `attribute` and its name; never what was found.
        place: String,
        detector: String,
        answer: Answer,
        /// In how many events since the clerk looked last.
        events: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A quarantined event is nobody's data: it is placed anew, for everybody who reads the topic.
    QuarantineReleased {
        topic: TopicName,
        partition: u32,
        offset: u64,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// Nobody ever reads a quarantined event: its own key is destroyed.
    QuarantineDiscarded {
        topic: TopicName,
        partition: u32,
        offset: u64,
        key: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// Something must not be erased or deleted for the time being.
    HoldPlaced {
        hold: String,
        on: HoldOn,
        agency: AgencyName,
        reason: String,
        reference: String,
        #[serde(flatten)]
        by: By,
    },
    /// It may be again.
    HoldLifted {
        hold: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
}

/// No duty.
fn is_none(keep_s: &u64) -> bool {
    *keep_s == 0
}
