//! The bus's limits, each with its reason. Units stand last in the names.

/// A group is closed when it holds this much: past 256 KiB a commit costs more time than it saves (measured: 256 KiB
/// 0.45 ms, 1 MiB 1.2–4 ms).
pub const GROUP_MAX_BYTES: usize = 256 * 1024;

/// How long a publisher waits for that room before it is told to come again (429): shorter than clients' own patience.
pub const LANE_ROOM_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Events of one publish call that are admitted and committed together; bounds what one caller can put in a group.
pub const CHUNK_MAX_EVENTS: usize = 64;

/// Data of one such chunk, unless its only event is larger.
pub const CHUNK_MAX_BYTES: usize = 128 * 1024;

/// Largest data of one event. Larger payloads belong behind `dataref`.
pub const EVENT_MAX_BYTES: usize = 1024 * 1024;

/// Largest request body of a batch.
pub const BATCH_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Most events in one batch.
pub const BATCH_MAX_EVENTS: usize = contract::limits::BATCH_EVENTS;

/// Data under way in one lane, from its arrival to the answer; beyond it publishers wait. 16 MiB is a tenth of a second
/// of a saturated lane, so that waiting never shows before the disk or the processor is the limit.
pub const LANE_ROOM_KIB: u32 = 16 * 1024;

/// Persons' keys kept ready for use, in all: places of 192 bytes. Only keys that are not durable yet are more for a time.
pub const PERSON_KEYS_MAX: usize = 64 * 1024;

/// Things wrong with whom an event is sealed for that its refusal tells.
pub const MISMATCHES_TOLD: usize = 10;

/// Minutes after which a person's key that was not used is let go of: the journal still has it, wrapped.
pub const PERSON_KEY_IDLE_MINUTES: u32 = 10;

/// Minutes after which one is let go of that did not become durable: longer than any event is under way, transactions
/// too, as a second key would be made for a person whose first is still to come.
pub const FRESH_KEY_IDLE_MINUTES: u32 = 30;

/// Most events in one delivery.
pub const PULL_MAX_EVENTS: usize = 5_000;

/// Most bytes in one delivery.
pub const PULL_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Longest a pull waits for events.
pub const PULL_WAIT_MAX_MS: u64 = 30_000;

/// A consumer that has not pulled for this long gives its partitions to the others.
pub const CONSUMER_SESSION_MS: u64 = 10_000;

/// Longest time an identity is remembered where its contract does not say: 90 days.
pub const IDENTITY_WINDOW_MAX_S: u64 = 90 * 24 * 3600;

/// Latest events of a topic that a migration is tried on, over all partitions: enough to meet what producers do every day,
/// and a fraction of a second.
pub const REHEARSED_EVENTS: usize = 200;

/// Trials of migrations on a topic's events that may become no proposal in a day, as they fail or are a plan's: each says
/// one thing of what is sealed.
pub const SPENT_TRIALS_A_DAY: u32 = 20;

/// How far back in a partition they are looked for, where other versions stand between them.
pub const REHEARSED_LOOKED_AT: u64 = 5_000;

/// Dead letters that the bus makes by itself for one subscription that is carried and that nobody has decided about; at it
/// its delivery stops. About half a KiB each in memory: enough to see what is wrong, too few to hide a topic behind them.
pub const SET_ASIDE_MAX: usize = 1_000;

/// Most dead letters of a carried subscription, whoever made them: beyond them nothing is delivered to it.
pub const LETTERS_MAX: usize = 10 * SET_ASIDE_MAX;

/// Most redriven letters that a cursor names, which goes in headers and URLs: beyond them none is handed over before the others
/// are committed.
pub const LETTERS_NAMED_MAX: usize = 200;

/// What is kept of a topic to take events back for its carried readers, by version and clearance: more than a topic has, and
/// each holds a compiled schema.
pub const CARRIERS_KEPT: usize = 32;

/// Offsets of one partition that share a search mark in disclosures; a pull covers few of them.
pub const DISCLOSURE_BUCKET: u64 = 4096;

/// Place commits after which the places are written anew and the older ones trimmed.
pub const PLACES_COMPACT_AFTER: u64 = 50_000;

/// Notices kept at hand, in memory, for lists and for agencies that could not be reached; about half a KiB each.
pub const NOTICES_KEPT: usize = 10_000;

/// Most notices in one letter: what a person may read and a webhook may take at once.
pub const LETTER_MAX_NOTICES: usize = 100;

/// Most letters under way at once by each way: each may hold a thread until the other side has answered or its time is
/// over. What does not answer by one way takes no place of the other.
pub const LETTERS_UNDER_WAY: usize = 32;

/// Most bytes of the questions that are kept for the steps of one folder: a hundred of a usual size.
pub const QUESTIONS_MAX_BYTES: usize = 512 * 1024;

/// Entries of the audit that one call looks through for decisions: a second's reading. Who asks goes on from there.
pub const DECISIONS_LOOKED_THROUGH: u64 = 100_000;

/// A producer that was silent for this long is forgotten, with the batches it could repeat: what Kafka does by default.
pub const PRODUCER_EXPIRY_MS: u64 = 24 * 3600 * 1000;

/// What all open transactions may hold together, in memory until they end.
pub const TRANSACTIONS_ROOM_KIB: u32 = 128 * 1024;

/// Longest that a transaction may stay open: Kafka's own default for the most.
pub const TRANSACTION_MAX_MS: u64 = 15 * 60 * 1000;

/// Events of a topic that wait in quarantine for a decision; at it, more are refused. About 300 bytes each in memory, and more
/// than an officer looks at in the time that they have. What is released and only to be placed does not count, and has no bound of
/// its own: each took somebody's decision.
pub const QUARANTINE_MAX: usize = 10_000;

/// Notes of a lane's quarantined events that are not needed any more and are kept all the same: beyond them, and two for each
/// event that waits, what still waits is noted anew, and the older notes are trimmed. A start reads them all.
pub const QUARANTINE_NOTES_KEPT: u64 = 10_000;

/// How long an event waits in quarantine for a decision; after that it is discarded: 90 days.
pub const QUARANTINE_WAIT_MS: u64 = 90 * 24 * 3600 * 1000;

/// Places and detectors of findings that wait for the clerk, who comes every few seconds.
pub const FINDINGS_MAX: usize = 1_000;

/// Most findings in one event that are told and kept.
pub const LEAKS_TOLD: usize = 32;

/// Most events that a trace follows.
pub const TRACE_MAX_EVENTS: usize = 500;

/// How long a topic's own key (for `internal` fields) seals: six hours at 190,000 events/s are the 2³² envelopes that
/// random nonces allow under one key.
pub const TOPIC_KEY_ERA_MS: u64 = 6 * 3600 * 1000;

const _: () = assert!(FRESH_KEY_IDLE_MINUTES as u64 * 60_000 >= 2 * TRANSACTION_MAX_MS);
const _: () = assert!(EVENT_MAX_BYTES <= BATCH_MAX_BYTES);
const _: () = assert!(GROUP_MAX_BYTES < EVENT_MAX_BYTES);
