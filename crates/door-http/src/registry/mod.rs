//! The Confluent Schema Registry API, for the serializers that people already have: subjects, schemas by id and GUID,
//! compatibility, settings. The same routes stand under `/apis/ccompat/v7`.
//!
//! A subject `<topic>-value` is the contract of a topic: registering there proposes a version of it.

mod compatibility;
mod ids;
mod settings;
mod subjects;
mod trouble;
mod wire;

use axum::routing::{get, post};

use crate::routes::Route;

/// Where clients of Apicurio expect the same routes.
pub const CCOMPAT: &str = "/apis/ccompat/v7";

/// The registry's routes.
pub fn table() -> Vec<Route> {
    let routes = bare();
    let ccompat =
        bare().into_iter().map(|(method, path, handler)| (method, format!("{CCOMPAT}{path}"), handler));
    routes
        .into_iter()
        .map(|(method, path, handler)| (method, path.to_owned(), handler))
        .chain(ccompat)
        .collect()
}

fn bare() -> Vec<(&'static str, &'static str, axum::routing::MethodRouter<crate::Door>)> {
    use axum::routing::{delete, put};
    vec![
        ("get", "/schemas", get(ids::all)),
        ("get", "/schemas/types", get(ids::types)),
        ("get", "/schemas/ids/{id}", get(ids::by_id)),
        ("get", "/schemas/ids/{id}/schema", get(ids::text_by_id)),
        ("get", "/schemas/ids/{id}/subjects", get(ids::subjects_of_id)),
        ("get", "/schemas/ids/{id}/versions", get(ids::versions_of_id)),
        ("get", "/schemas/guids/{guid}", get(ids::by_guid)),
        ("get", "/schemas/guids/{guid}/ids", get(ids::ids_of_guid)),
        ("get", "/subjects", get(subjects::all)),
        ("post", "/subjects/{subject}", post(subjects::find)),
        ("delete", "/subjects/{subject}", delete(subjects::delete)),
        ("get", "/subjects/{subject}/versions", get(subjects::versions)),
        ("post", "/subjects/{subject}/versions", post(subjects::register)),
        ("get", "/subjects/{subject}/versions/{version}", get(subjects::one)),
        ("delete", "/subjects/{subject}/versions/{version}", delete(subjects::delete_version)),
        ("get", "/subjects/{subject}/versions/{version}/schema", get(subjects::text)),
        ("get", "/subjects/{subject}/versions/{version}/referencedby", get(subjects::referenced_by)),
        ("get", "/subjects/{subject}/metadata", get(subjects::by_metadata)),
        ("post", "/compatibility/subjects/{subject}/versions", post(compatibility::with_all)),
        ("post", "/compatibility/subjects/{subject}/versions/{version}", post(compatibility::with_one)),
        ("get", "/config", get(settings::compatibility)),
        ("put", "/config", put(settings::set_compatibility)),
        ("delete", "/config", delete(settings::reset_compatibility)),
        ("get", "/config/{subject}", get(settings::compatibility_of)),
        ("put", "/config/{subject}", put(settings::set_compatibility_of)),
        ("delete", "/config/{subject}", delete(settings::reset_compatibility_of)),
        ("get", "/mode", get(settings::mode)),
        ("put", "/mode", put(settings::set_mode)),
        ("delete", "/mode", delete(settings::reset_mode)),
        ("get", "/mode/{subject}", get(settings::mode_of)),
        ("put", "/mode/{subject}", put(settings::set_mode_of)),
        ("delete", "/mode/{subject}", delete(settings::reset_mode_of)),
        ("get", "/contexts", get(ids::contexts)),
        ("get", "/v1/metadata/id", get(ids::server_id)),
        ("get", "/v1/metadata/version", get(ids::server_version)),
    ]
}
