//! Folds facts about agencies and principals.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::PrincipalName;

use crate::events::{AgencyEvent, PrincipalEvent};
use crate::sealing_keys::{Retired, SealingKey};
use crate::state::{Agency, Delegation, Principal, Since, State};
use crate::{Roles, Scram, TokenHash};

/// Folds a fact about an agency.
pub(super) fn agencies(state: &mut State, event: &AgencyEvent, at_ms: u64) {
    match event {
        AgencyEvent::AgencyRegistered { agency, profile, .. } => {
            let since = Since::default().of(&profile.notices, at_ms);
            let (agency, profile) = (agency.clone(), profile.clone());
            let record = Agency {
                agency: agency.clone(),
                profile,
                registered_ms: at_ms,
                succeeded: Vec::new(),
                since,
                sealing_keys: BTreeMap::new(),
            };
            state.agencies.insert(agency, Arc::new(record));
        }
        AgencyEvent::AgencyChanged { agency, profile, .. } => {
            if let Some(record) = state.agencies.get_mut(agency) {
                let record = Arc::make_mut(record);
                record.since = record.since.of(&profile.notices, at_ms);
                record.profile = profile.clone();
            }
        }
        AgencyEvent::SealingKeyPublished { agency, key, public_key, by } => {
            if let Some(record) = state.agencies.get_mut(agency) {
                let (public_key, by) = (public_key.clone(), by.clone());
                let fresh = SealingKey { public_key, by, since_ms: at_ms, retired: None };
                Arc::make_mut(record).sealing_keys.insert(key.clone(), fresh);
            }
        }
        AgencyEvent::SealingKeyRetired { agency, key, reason, by } => {
            let record = state.agencies.get_mut(agency).map(Arc::make_mut);
            if let Some(found) = record.and_then(|record| record.sealing_keys.get_mut(key)) {
                found.retired = Some(Retired { reason: reason.clone(), by: by.clone(), at_ms });
            }
        }
    }
}

/// Folds a fact about a principal.
pub(super) fn principals(state: &mut State, event: &PrincipalEvent, at_ms: u64) {
    match event {
        PrincipalEvent::PrincipalCreated { principal, agency, roles, token_hash, scram, .. } => {
            let record = Principal {
                principal: principal.clone(),
                agency: agency.clone(),
                roles: *roles,
                token_hash: None,
                scram: None,
                delegation: None,
                disabled: false,
                created_ms: at_ms,
            };
            state.principals.insert(principal.clone(), Arc::new(record));
            set_token(state, principal, *token_hash, scram);
        }
        PrincipalEvent::PrincipalChanged { principal, roles, .. } => {
            change_principal(state, principal, |record| record.roles = *roles);
        }
        PrincipalEvent::TokenIssued { principal, token_hash, scram, .. } => {
            set_token(state, principal, Some(*token_hash), scram);
        }
        PrincipalEvent::DelegationGiven { principal, to, until, reason, by } => {
            let (to, reason, by) = (to.clone(), reason.clone(), by.clone());
            let delegation = Delegation { to, until: *until, reason, by, at_ms };
            change_principal(state, principal, |record| record.delegation = Some(delegation));
        }
        PrincipalEvent::DelegationEnded { principal, .. } => {
            change_principal(state, principal, |record| record.delegation = None);
        }
        PrincipalEvent::PrincipalDisabled { principal, .. } => {
            set_token(state, principal, None, &None);
            change_principal(state, principal, |record| {
                record.disabled = true;
                record.roles = Roles::default();
            });
        }
    }
}

fn change_principal(state: &mut State, name: &PrincipalName, change: impl FnOnce(&mut Principal)) {
    if let Some(record) = state.principals.get_mut(name) {
        change(Arc::make_mut(record));
    }
}

/// Keeps the record and the index of tokens in step.
fn set_token(state: &mut State, name: &PrincipalName, hash: Option<TokenHash>, scram: &Option<Arc<Scram>>) {
    let Some(record) = state.principals.get_mut(name) else { return };
    let record = Arc::make_mut(record);
    record.scram.clone_from(scram);
    if let Some(former) = std::mem::replace(&mut record.token_hash, hash) {
        state.tokens.remove(&former.0);
    }
    if let Some(hash) = hash {
        state.tokens.insert(hash.0, name.clone());
    }
}
