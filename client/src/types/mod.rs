//! Request and response types of the control API.

mod accounts;
mod clock;
mod fault_effect;
mod faults;
mod keys;
mod permissions;
mod problem;
mod rate_limits;
mod requests;
mod snapshots;
mod strict;
mod verification;

pub use accounts::{
    AccountDetails, AccountList, AccountSummary, Counts, CreatedAccount, ImportResult, NewAccount,
};
pub use clock::{ClockAdvance, ClockMode, ClockSetting, ClockStatus};
pub use fault_effect::{
    CustomResponse, DelayTiming, DropMode, DroppedResponse, FaultEffect, RetryAfterFormat,
};
pub use faults::{ActiveFaultRule, FaultRule, FaultRuleList, TimeToLive};
pub use keys::{CreatedKey, KeyList, KeySummary, NewKey};
pub use permissions::PermissionsSpec;
pub use problem::ProblemDetails;
pub use rate_limits::RateLimits;
pub use requests::{
    AppliedFault, ChangeKind, ChangeList, ColumnChange, JournalEntry, RequestChanges, RequestList,
    RowChange, WaitResult, Warning,
};
pub use snapshots::{Snapshot, SnapshotList};
pub use strict::Strictness;
pub use verification::{
    Difference, ExpectedCount, NearMiss, RequestPattern, StatusFilter, Verification,
    VerificationResult,
};
