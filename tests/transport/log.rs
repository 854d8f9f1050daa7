//! The log of a test, beside tests that have none.

use azwire_tests::log::Log;
use tracing::level_filters::LevelFilter;

fn say() {
    tracing::info!("said");
}

#[test]
fn a_line_that_another_thread_reaches_first_is_not_lost() {
    let log = Log::of(LevelFilter::INFO);
    std::thread::spawn(say).join().unwrap();
    assert_eq!(log.text(), "");
    say();
    assert!(log.text().trim().ends_with("said"), "{}", log.text());
}
