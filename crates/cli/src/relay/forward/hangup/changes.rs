//! Files that change. They are looked at twice a second: the system's notices would cost a dependency.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use transport::SharedRuntime;

/// Files, and what was seen of them.
#[derive(Debug)]
pub(super) struct Changes {
    files: Vec<PathBuf>,
    runtime: SharedRuntime,
    state: State,
}

impl Changes {
    pub(super) fn of(files: Vec<PathBuf>) -> Self {
        let settled = look(&files);
        Self {
            files,
            runtime: SharedRuntime::default(),
            state: State::new(settled),
        }
    }

    /// Completes when one of them has changed. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) {
        loop {
            let again = self.runtime.after(INTERVAL);
            self.runtime.sleep_until(again).await;
            if self.state.see(look(&self.files)) {
                return;
            }
        }
    }
}

/// Of each file its length and when it was written; of one that is not there, nothing.
type Seen = Vec<Option<(u64, SystemTime)>>;

fn look(files: &[PathBuf]) -> Seen {
    let about = files.iter().map(|file| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.len(), about.modified().ok()?))
    });
    about.collect()
}

/// Decides when a change counts: once it has been seen twice, so that a half-written file is not read. Pure.
#[derive(Debug)]
struct State {
    settled: Seen,
    /// What was seen last, if it was new.
    unsettled: Option<Seen>,
}

impl State {
    fn new(settled: Seen) -> Self {
        Self {
            settled,
            unsettled: None,
        }
    }

    /// Returns whether there is a change that counts.
    fn see(&mut self, seen: Seen) -> bool {
        if seen == self.settled {
            self.unsettled = None;
            return false;
        }
        if self.unsettled.as_ref() != Some(&seen) {
            self.unsettled = Some(seen);
            return false;
        }
        self.unsettled = None;
        self.settled = seen;
        true
    }
}

/// As often as the emulator looks at its files.
const INTERVAL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_when_it_has_settled() {
        let at = |len| vec![Some((len, SystemTime::UNIX_EPOCH)), None];
        let mut state = State::new(at(1));
        assert!(!state.see(at(1)));
        // Being written.
        assert!(!state.see(at(2)) && !state.see(at(3)));
        assert!(state.see(at(3)));
        assert!(!state.see(at(3)));
        // There and back is nothing.
        assert!(!state.see(at(4)) && !state.see(at(3)));
        // One that is no longer there, and one that is new.
        let gone = vec![None, Some((1, SystemTime::UNIX_EPOCH))];
        assert!(!state.see(gone.clone()));
        assert!(state.see(gone));
    }

    #[tokio::test]
    async fn a_file_that_is_written_is_a_change() {
        let name = format!("azwire-changes-{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, "a").expect("the folder takes files");
        let mut changes = Changes::of(vec![file.clone()]);
        std::fs::write(&file, "ab").expect("the folder takes files");
        changes.next().await;
        std::fs::remove_file(&file).expect("it is there");
        changes.next().await;
    }
}
