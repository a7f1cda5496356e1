//! What a reader who stays on an old version is handed of a document of a newer one.

use std::sync::Arc;

use super::Misfit;
use super::lens::Lens;
use super::names::Names;
use super::tree::Tree;
use crate::ClassSet;
use crate::check::Violation;
use crate::compile::Contract;
use crate::formats::{Form, json};
use crate::plan::PlanNode;

/// Most places of a document that a misfit names.
const PLACES_TOLD: usize = 3;

/// The view of a reader: of an old version, for a clearance.
pub struct Carrier {
    old: Arc<Contract>,
    /// By class of the old contract.
    cleared: Vec<bool>,
    /// Admits what such a reader is handed.
    admits: json::Redacted,
    names: Names,
}

impl Carrier {
    /// For those who read by `old` and are cleared for `cleared`.
    pub fn new(old: Arc<Contract>, cleared: &ClassSet) -> Result<Self, Misfit> {
        let version = old.definition.version;
        let Form::Json(form) = &old.form else {
            return Err(Misfit::new(version, "only documents in JSON are carried"));
        };
        let cleared: Vec<bool> = old.classes.iter().map(|class| cleared.clears(class)).collect();
        let admits = form.redacted(&old.plan, &cleared);
        let admits = admits.ok_or_else(|| Misfit::new(version, "its redacted schema does not compile"))?;
        let names = Names::of(&[&*old]);
        Ok(Self { old, cleared, admits, names })
    }

    /// Takes a document back. It is what the reader is handed of the newer version, without what that version's classes
    /// keep from it; what the old version's classes do is left out here. `lenses` lead from its version to the old one,
    /// the newest first.
    pub fn carry(&self, lenses: &[Arc<Lens>], document: &[u8]) -> Result<Vec<u8>, Misfit> {
        let Some(newest) = lenses.first() else { return Ok(document.to_vec()) };
        let mut tree = newest.read(document)?;
        lenses.iter().try_for_each(|lens| lens.back_tree(&mut tree))?;
        let left = self.left(tree, self.old.plan.node(0))?.unwrap_or_else(Tree::null);
        let text = left.to_text().into_bytes();
        self.admits.check(&self.old, &text).map_err(|violations| self.invalid(&violations))?;
        Ok(text)
    }

    /// What the old classes leave of a value.
    fn left(&self, value: Tree, node: &PlanNode) -> Result<Option<Tree>, Misfit> {
        let below = |child: Option<u32>| child.map(|child| self.old.plan.node(child));
        Ok(match value {
            value if node.whole => self.kept(node)?.then_some(value),
            Tree::Object(members) => {
                let mut left = Vec::with_capacity(members.len());
                for (name, value) in members {
                    let child = below(node.member(&name)).ok_or_else(|| self.unknown())?;
                    left.extend(self.left(value, child)?.map(|value| (name, value)));
                }
                Some(Tree::Object(left))
            }
            Tree::Array(items) => {
                let item = |(index, value): (usize, Tree)| -> Result<Tree, Misfit> {
                    let child = below(node.element(index)).ok_or_else(|| self.unknown())?;
                    Ok(self.left(value, child)?.unwrap_or_else(Tree::null))
                };
                let items: Result<Vec<Tree>, Misfit> = items.into_iter().enumerate().map(item).collect();
                Some(Tree::Array(items?))
            }
            // Beside an object or array, `null` says only that it is absent.
            Tree::Scalar(text) if node.field.is_none() && &*text == "null" => Some(Tree::Scalar(text)),
            scalar => self.kept(node)?.then_some(scalar),
        })
    }

    fn kept(&self, node: &PlanNode) -> Result<bool, Misfit> {
        let field = node.field.ok_or_else(|| self.unknown())?;
        Ok(self.cleared[usize::from(field.class)])
    }

    fn unknown(&self) -> Misfit {
        Misfit::new(
            self.old.definition.version,
            "what the migration leads to has a field that this version does not know",
        )
    }

    fn invalid(&self, violations: &[Violation]) -> Misfit {
        let mut places: Vec<String> =
            violations.iter().map(|violation| self.names.in_text(&violation.pointer)).collect();
        places.dedup();
        places.truncate(PLACES_TOLD);
        let what = format!("what the migration leads to is not valid: {}", places.join(", "));
        Misfit::new(self.old.definition.version, what)
    }
}
