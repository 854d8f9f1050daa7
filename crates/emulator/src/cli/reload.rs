//! Follows the event handlers of the settings files while the emulator runs.
//!
//! The files are read twice a second. The system's notices of changes would cost a dependency
//! for each platform, and are missing where they are needed most: in a container whose
//! files are those of another system, and on network drives. The contents decide, not a date, so
//! it does not matter whether an editor writes a file or puts another in its place;
//! and a change counts once it has been seen twice, so that a half-written file is
//! not taken.

use std::io;
use std::time::Duration;

use toml::Table;
use transport::SharedRuntime;

use super::file::{Contents, SettingsFile};
use crate::config::EventHandlerConfig;
use crate::pubsub::WeakFileHandlers;
use crate::{Error, Result};

/// Follows the files, the strongest first, until the emulator has ended.
pub(super) async fn follow(files: Vec<(SettingsFile, Contents)>, handlers: WeakFileHandlers) {
    let runtime = SharedRuntime::default();
    let mut files: Vec<_> = files.into_iter().map(Followed::new).collect();
    for file in &mut files {
        let about = tokio::fs::metadata(file.file.path()).await;
        file.is_stream = about.is_ok_and(|about| !about.is_file());
        if file.is_stream {
            let path = file.file.path().display();
            tracing::info!("{path} is not a regular file: it is not read again");
        }
    }
    loop {
        runtime.sleep_until(runtime.after(LOOK)).await;
        let mut changes = Vec::new();
        for file in files.iter_mut().filter(|file| !file.is_stream) {
            let seen = tokio::fs::read(file.file.path()).await;
            match file.look(seen.map_err(|error| error.kind())) {
                None => {}
                Some(Ok(change)) => changes.push((change, file.file.clone())),
                Some(Err(error)) => {
                    tracing::warn!("{error}; the event handlers stay as they were");
                }
            }
        }
        let Some(handlers) = handlers.upgrade() else {
            return;
        };
        if !changes.is_empty() {
            let all = files.iter().flat_map(|file| &file.event_handlers);
            handlers.replace(all.cloned().collect());
        }
        // Said when it holds.
        for (change, file) in changes {
            change.report(&file);
        }
    }
}

/// One file, as it was when it counted last. Pure.
struct Followed {
    file: SettingsFile,
    /// Whether it is a pipe or the like, which has nothing more to say, and may never end.
    is_stream: bool,
    settled: Option<Seen>,
    /// What was seen last, if it was new.
    unsettled: Option<Seen>,
    event_handlers: Vec<EventHandlerConfig>,
    table: Table,
}

/// The bytes of a file, or why it cannot be read.
type Seen = std::result::Result<Vec<u8>, io::ErrorKind>;

/// What is new in a file.
#[derive(Debug, Eq, PartialEq)]
struct Change {
    event_handlers: usize,
    /// Whether something has changed that is not read while the emulator runs.
    has_other: bool,
}

impl Followed {
    fn new((file, contents): (SettingsFile, Contents)) -> Self {
        Self {
            file,
            is_stream: false,
            settled: None,
            unsettled: None,
            event_handlers: contents.event_handlers,
            table: contents.table,
        }
    }

    /// Takes the file as it was seen. Something is new if it is the same for the second
    /// time, and is not what it was before.
    fn look(&mut self, seen: Seen) -> Option<Result<Change>> {
        if self.settled.as_ref() == Some(&seen) {
            self.unsettled = None;
            return None;
        }
        if self.unsettled.as_ref() != Some(&seen) {
            self.unsettled = Some(seen);
            return None;
        }
        self.unsettled = None;
        let contents = self.read(&seen);
        self.settled = Some(seen);
        match contents {
            Ok(contents) => {
                let change = Change {
                    event_handlers: contents.event_handlers.len(),
                    has_other: contents.table != self.table,
                };
                let is_new = contents.event_handlers != self.event_handlers || change.has_other;
                self.event_handlers = contents.event_handlers;
                self.table = contents.table;
                is_new.then_some(Ok(change))
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn read(&self, seen: &Seen) -> Result<Contents> {
        let cannot = |why: String| {
            let path = self.file.path().display();
            Error::message(format!("cannot read {path}: {why}"))
        };
        let bytes = seen.as_ref().map_err(|kind| cannot(kind.to_string()))?;
        let text = std::str::from_utf8(bytes).map_err(|error| cannot(error.to_string()))?;
        self.file.parse(text)
    }
}

impl Change {
    fn report(&self, file: &SettingsFile) {
        let (file, event_handlers) = (file.path().display(), self.event_handlers);
        tracing::info!(
            event_handlers,
            "{file} has changed: its event handlers are those of new connections"
        );
        if self.has_other {
            tracing::info!("{file}: its other settings count from the next start on");
        }
    }
}

/// How often the files are read.
const LOOK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::file::Format;

    fn followed() -> Followed {
        let file = SettingsFile {
            path: "azwire.toml".into(),
            format: Format::Config,
        };
        let contents = file.parse(&text("a", 1)).unwrap();
        Followed::new((file, contents))
    }

    fn text(path: &str, port: u16) -> String {
        format!(
            "[pubsub]\nport = {port}\nevent-handlers = [{{ hub = \"h\", url = \"http://h/{path}\" }}]\n"
        )
    }

    /// What comes of a file that is seen twice.
    fn twice(followed: &mut Followed, seen: &Seen) -> Option<Result<Change>> {
        assert!(followed.look(seen.clone()).is_none(), "seen once");
        followed.look(seen.clone())
    }

    fn url(followed: &Followed) -> &str {
        &followed.event_handlers[0].url
    }

    #[test]
    fn a_change_counts_when_it_was_seen_twice() {
        let mut followed = followed();
        let [first, second, third] =
            [text("a", 1), text("b", 1), text("c", 2)].map(|text| Ok(text.into_bytes()));
        assert!(
            twice(&mut followed, &first).is_none(),
            "it is what was read"
        );
        assert!(followed.look(second.clone()).is_none());
        assert!(followed.look(third.clone()).is_none());
        assert!(followed.look(second.clone()).is_none());
        let change = followed.look(second).unwrap().unwrap();
        let only_handlers = Change {
            event_handlers: 1,
            has_other: false,
        };
        assert_eq!((change, url(&followed)), (only_handlers, "http://h/b"));
        let change = twice(&mut followed, &third).unwrap().unwrap();
        assert!(change.has_other);
        // What an editor does while it replaces a file.
        assert!(followed.look(Err(io::ErrorKind::NotFound)).is_none());
        assert!(followed.look(third.clone()).is_none());
        assert!(followed.look(third).is_none());
    }

    #[test]
    fn a_broken_file_is_named_once_and_changes_nothing() {
        let mut followed = followed();
        for (seen, named) in [
            (Ok(b"[pubsub]\nprot = 1".to_vec()), "azwire.toml: line 2"),
            (
                Ok(b"[[pubsub.event-handlers]]\nhub = \"a-b\"\nurl = \"http://h\"".to_vec()),
                "hub",
            ),
            (Ok(vec![0xff]), "utf-8"),
            (Err(io::ErrorKind::NotFound), "not found"),
        ] {
            let error = twice(&mut followed, &seen).unwrap().unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert!(followed.look(seen.clone()).is_none());
            assert!(followed.look(seen).is_none());
            assert_eq!(url(&followed), "http://h/a");
        }
        let good = Ok(text("b", 1).into_bytes());
        assert!(twice(&mut followed, &good).unwrap().is_ok());
        assert_eq!(url(&followed), "http://h/b");
    }
}
