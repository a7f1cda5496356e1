//! How a type is called where it is spoken of: by the shortest name that leads to it.

use prost_reflect::DescriptorPool;

/// The name of the type `full` (without leading dot) within `scope`, a message or a package.
pub(super) fn relative(pool: &DescriptorPool, full: &str, scope: &str) -> String {
    for around in enclosing(scope) {
        let Some(rest) = below(full, around) else { continue };
        let first = rest.split('.').next().unwrap_or(rest);
        if leads_to(pool, first, scope) == Some(around) {
            return rest.to_owned();
        }
    }
    format!(".{full}")
}

/// The scope and those around it, innermost first; the last is that of no package.
fn enclosing(scope: &str) -> impl Iterator<Item = &str> {
    let inner = std::iter::successors((!scope.is_empty()).then_some(scope), |scope| {
        scope.rsplit_once('.').map(|(around, _)| around)
    });
    inner.chain(std::iter::once(""))
}

fn below<'n>(full: &'n str, around: &str) -> Option<&'n str> {
    if around.is_empty() { Some(full) } else { full.strip_prefix(around)?.strip_prefix('.') }
}

/// The innermost scope in which something is called `first`: there the search for a name ends.
fn leads_to<'s>(pool: &DescriptorPool, first: &str, scope: &'s str) -> Option<&'s str> {
    enclosing(scope).find(|around| {
        let name = if around.is_empty() { first.to_owned() } else { format!("{around}.{first}") };
        is_known(pool, &name)
    })
}

fn is_known(pool: &DescriptorPool, name: &str) -> bool {
    let in_package = |package: &str| package == name || below(package, name).is_some();
    pool.get_message_by_name(name).is_some()
        || pool.get_enum_by_name(name).is_some()
        || pool.files().any(|file| in_package(file.package_name()))
        || is_member(pool, name)
}

/// Whether it is a field, a oneof, an enum's value or an extension: such a name hides outer types too.
fn is_member(pool: &DescriptorPool, name: &str) -> bool {
    let Some((around, own)) = name.rsplit_once('.') else { return false };
    pool.get_extension_by_name(name).is_some()
        || pool.get_message_by_name(around).is_some_and(|message| {
            message.fields().any(|field| field.name() == own)
                || message.oneofs().any(|oneof| oneof.name() == own)
                || message.child_enums().any(|each| each.values().any(|value| value.name() == own))
        })
}
