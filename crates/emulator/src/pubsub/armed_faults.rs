//! The armed faults, behind a flag that costs next to nothing while there are none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use transport::_internal::lock;

use crate::fault::{Fault, FaultPlan, FaultState, Faults, Occasion, Subject};

/// The armed faults.
#[derive(Debug, Default)]
pub(super) struct ArmedFaults {
    faults: Mutex<Faults>,
    /// Whether any fault may strike: saves taking the lock when none can.
    is_armed: AtomicBool,
}

impl ArmedFaults {
    /// Whether any fault may strike.
    pub(super) fn is_armed(&self) -> bool {
        self.is_armed.load(Ordering::Relaxed)
    }

    /// Arms the rules of a checked plan, in addition to those already armed.
    pub(super) fn arm(&self, plan: FaultPlan) {
        let mut faults = self.faults();
        faults.arm(plan);
        self.note(&faults);
    }

    /// Disarms all rules.
    pub(super) fn disarm(&self) {
        let mut faults = self.faults();
        faults.clear();
        self.note(&faults);
    }

    /// Returns the fault that strikes on this occasion, if any, and the place of its rule.
    pub(super) fn strike(&self, at: Occasion, subject: &Subject<'_>) -> Option<(usize, Fault)> {
        if !self.is_armed() {
            return None;
        }
        let mut faults = self.faults();
        let fault = faults.strike(at, subject);
        self.note(&faults);
        fault
    }

    /// Returns the rules and how often each has struck.
    pub(super) fn state(&self) -> FaultState {
        self.faults().state()
    }

    fn note(&self, faults: &Faults) {
        self.is_armed.store(faults.is_armed(), Ordering::Relaxed);
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }
}
