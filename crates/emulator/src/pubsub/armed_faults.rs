//! The faults in force, behind a flag that costs next to nothing while there are none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use transport::_internal::lock;

use crate::fault::{Fault, FaultPlan, Faults, Occasion, Subject};

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct ArmedFaults {
    faults: Mutex<Faults>,
    /// Whether any fault may strike, so that nobody asks for the lock in vain.
    is_armed: AtomicBool,
}

impl ArmedFaults {
    /// Whether any fault may strike.
    pub(super) fn is_armed(&self) -> bool {
        self.is_armed.load(Ordering::Relaxed)
    }

    /// Puts the rules of a checked plan in force, beside those that are.
    pub(super) fn arm(&self, plan: FaultPlan) {
        let mut faults = self.faults();
        faults.arm(plan);
        self.note(&faults);
    }

    /// Takes all rules out of force.
    pub(super) fn disarm(&self) {
        let mut faults = self.faults();
        faults.clear();
        self.note(&faults);
    }

    /// What goes wrong on this occasion, if anything.
    pub(super) fn strike(&self, at: Occasion, subject: &Subject<'_>) -> Option<Fault> {
        if !self.is_armed() {
            return None;
        }
        let mut faults = self.faults();
        let fault = faults.strike(at, subject);
        self.note(&faults);
        fault
    }

    /// The rules and how often each has struck.
    pub(super) fn state(&self) -> serde_json::Value {
        self.faults().state()
    }

    fn note(&self, faults: &Faults) {
        self.is_armed.store(faults.is_armed(), Ordering::Relaxed);
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }
}
