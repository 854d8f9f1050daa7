//! Timers as data: which may be due, and when. Pure.

use std::time::Instant;

/// The deadlines of up to `N` timers, indexed by timer number.
///
/// Timers expire by deadline, the earliest first, and by number
/// where deadlines are equal: after a late wake-up, due timers fire in the order
/// in which they would have fired in time.
#[derive(Clone, Debug)]
pub struct TimerTable<K, const N: usize>([Option<(Instant, K)>; N]);

impl<K: Copy + Into<usize>, const N: usize> TimerTable<K, N> {
    /// Sets the deadline of a timer; `None` stops it.
    pub fn set(&mut self, timer: K, deadline: impl Into<Option<Instant>>) {
        self.0[timer.into()] = deadline.into().map(|deadline| (deadline, timer));
    }

    /// Stops several timers.
    pub fn stop<const COUNT: usize>(&mut self, timers: [K; COUNT]) {
        for timer in timers {
            self.set(timer, None);
        }
    }

    /// Whether a timer has a deadline.
    pub fn is_set(&self, timer: K) -> bool {
        self.0[timer.into()].is_some()
    }

    /// Returns the earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().map(|(deadline, _)| *deadline).min()
    }

    /// Removes and returns the timer that was due first, if any is due at `now`.
    pub fn expire(&mut self, now: Instant) -> Option<K> {
        let set = self.0.iter().flatten();
        let (deadline, timer) = *set.min_by_key(|(deadline, _)| *deadline)?;
        if deadline > now {
            return None;
        }
        self.set(timer, None);
        Some(timer)
    }
}

impl<K: Copy, const N: usize> Default for TimerTable<K, N> {
    fn default() -> Self {
        Self([None; N])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Timer {
        A,
        B,
        C,
    }

    impl From<Timer> for usize {
        fn from(timer: Timer) -> Self {
            timer as Self
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn timers_expire_in_the_order_of_their_deadlines() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut timers = TimerTable::<Timer, 3>::default();
        assert_eq!((timers.next(), timers.expire(now)), (None, None));
        timers.set(Timer::A, later(2));
        timers.set(Timer::B, later(1));
        timers.set(Timer::C, later(2));
        assert_eq!(timers.next(), Some(later(1)));
        assert_eq!(timers.expire(now), None);
        let all: Vec<_> = std::iter::from_fn(|| timers.expire(later(2))).collect();
        // Equal deadlines expire in the order of their numbers.
        assert_eq!(all, [Timer::B, Timer::A, Timer::C]);
        assert!(!timers.is_set(Timer::B));
        timers.set(Timer::A, now);
        timers.set(Timer::C, now);
        timers.stop([Timer::A]);
        assert_eq!(timers.expire(now), Some(Timer::C));
        assert_eq!(timers.expire(now), None);
    }
}
