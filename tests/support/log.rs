//! What `tracing` writes while a test runs.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::fmt::format::FmtSpan;

/// Everything that `tracing` writes on this thread, down to a level, until this is dropped.
#[derive(Debug)]
pub struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Log {
    /// The events, each with its spans.
    pub fn of(level: LevelFilter) -> Self {
        Self::start(level, FmtSpan::NONE)
    }

    /// The events, and a line whenever a span begins, is entered, is left or ends.
    pub fn with_spans(level: LevelFilter) -> Self {
        Self::start(level, FmtSpan::FULL)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is what the others are to use"
    )]
    fn start(level: LevelFilter, spans: FmtSpan) -> Self {
        // With a single one, tracing asks the thread that reaches a line first, which may be that of a
        // test without a log, and remembers that nobody wants the line.
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::new()));
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Arc::clone(&text);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(spans)
            .with_ansi(false)
            .without_time()
            .with_writer(move || Writer(Arc::clone(&writer)))
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    /// Returns the lines, without the padding of their level.
    pub fn lines(&self) -> Vec<String> {
        let text = self.text();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static SECOND: OnceLock<Dispatch> = OnceLock::new();
