//! The archive: tickets that were closed long ago. Lists exclude them by default.

use crate::accounts::EffectiveSettings;
use crate::clock;

/// Returns the stored date before which closed tickets are archived, by the account's clock and dialect.
pub(crate) fn archive_cutoff(settings: &EffectiveSettings) -> String {
    let cutoff = clock::saturating_sub(settings.now(), settings.dialect.archive_after);
    clock::format_stored_date(cutoff)
}
