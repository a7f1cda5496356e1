//! CloudEvents 1.0: the JSON format, and the rules for attributes.

mod attributes;
mod forms;
mod json_format;
mod json_write;

pub use attributes::{
    AttributeRules, ERASED, NO_CONSENT, NamedType, WITHHELD, check_attributes, is_extension_name,
    is_known_attribute, is_the_buss_own,
};
pub(crate) use forms::{is_timestamp, is_uri_reference};
pub use json_format::{EventFault, parse_batch, parse_structured};
pub use json_write::{write_batch, write_structured};

/// Whether a media type names JSON: `*/json` or `*/*+json` (JSON format, section 3.1). Absent means JSON.
pub fn is_json(datacontenttype: Option<&str>) -> bool {
    let Some(media_type) = datacontenttype else { return true };
    let media_type = media_type.split(';').next().unwrap_or("").trim();
    let subtype = media_type.split_once('/').map_or("", |(_, subtype)| subtype);
    let subtype = subtype.to_ascii_lowercase();
    subtype == "json" || subtype.ends_with("+json")
}
