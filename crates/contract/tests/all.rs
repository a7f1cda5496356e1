//! Contracts from outside. One binary, because linking one for each file takes longer than running them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod avro;
mod avro_differential;
mod check;
mod cloudevents;
mod document;
mod end_to_end;
mod end_to_end_binary;
mod forms;
mod frames;
mod leaks;
mod migration;
mod outline;
mod profiles;
mod protobuf;
mod protobuf_differential;
mod protobuf_edges;
mod redaction;
mod refusals;
mod schemas;
mod schemas_avro_reading;
mod schemas_compatibility;
mod schemas_hostile;
mod schemas_json_reading;
mod schemas_protobuf_printing;
mod support;
mod watching;
