//! One fetch at a time, refresh ahead of expiry, failures and cancelled callers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use azwire_auth::{
    AccessToken, Audience, CacheOptions, CachedTokenProvider, EntraTokenProvider, Error, ErrorKind,
    FixedClock, Result, TokenCredential, TokenProvider, token_fn,
};
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{BoxFuture, join_all};
use futures::task::noop_waker_ref;

/// A provider whose responses the test supplies, one at a time.
#[derive(Clone, Debug, Default)]
struct Scripted(Arc<Script>);

#[derive(Debug, Default)]
struct Script {
    calls: AtomicUsize,
    answers: Mutex<VecDeque<oneshot::Receiver<Result<AccessToken>>>>,
}

impl Scripted {
    /// Prepares the response to one more call.
    fn expect_call(&self) -> oneshot::Sender<Result<AccessToken>> {
        let (answer, receiver) = oneshot::channel();
        self.0
            .answers
            .lock()
            .expect("no test panics here")
            .push_back(receiver);
        answer
    }

    fn answer_next(&self, result: Result<AccessToken>) {
        self.expect_call()
            .send(result)
            .expect("the receiver is queued");
    }

    fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenProvider for Scripted {
    async fn token(&self, _audience: &Audience) -> Result<AccessToken> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let answer = self
            .0
            .answers
            .lock()
            .expect("no test panics here")
            .pop_front();
        let answer = answer.expect("the test expects this call");
        answer.await.expect("the test answers every call")
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn token(name: &str, expires_on: u64) -> AccessToken {
    AccessToken::new(name, at(expires_on))
}

fn failure() -> Error {
    Error::message(ErrorKind::Credential, "the identity service is away")
}

fn audience() -> Audience {
    Audience::verbatim("https://contoso.webpubsub.azure.com")
}

fn set_up() -> (Scripted, FixedClock, CachedTokenProvider) {
    let scripted = Scripted::default();
    let clock = FixedClock::new(at(0));
    let options =
        CacheOptions::default().with_retry_delay(Duration::from_secs(10), Duration::from_secs(20));
    let cached = CachedTokenProvider::new(scripted.clone())
        .with_options(options)
        .with_clock(clock.clone());
    (scripted, clock, cached)
}

fn poll<T>(future: &mut BoxFuture<'_, T>) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(noop_waker_ref()))
}

/// Fails, rather than hangs, when `work` does not end.
fn within_deadline(work: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        done.send(()).expect("the test waits for this");
    });
    let outcome = is_done.recv_timeout(Duration::from_secs(60));
    assert_ne!(
        outcome,
        Err(mpsc::RecvTimeoutError::Timeout),
        "deadline passed"
    );
    worker.join().expect("the work succeeds");
}

#[test]
fn a_thousand_waiting_callers_cause_one_fetch() {
    let (scripted, _, cached) = set_up();
    let answer = scripted.expect_call();
    let audience = audience();
    let mut callers: Vec<_> = (0..1000).map(|_| cached.token(&audience)).collect();
    for caller in &mut callers {
        assert!(poll(caller).is_pending());
    }
    answer.send(Ok(token("t1", 3600))).unwrap();
    for result in block_on(join_all(callers)) {
        assert_eq!(result.unwrap(), token("t1", 3600));
    }
    assert_eq!(
        block_on(cached.token(&audience)).unwrap(),
        token("t1", 3600)
    );
    assert_eq!(scripted.calls(), 1);
}

#[test]
fn a_thousand_callers_on_many_threads_cause_one_fetch() {
    within_deadline(|| {
        let (scripted, _, cached) = set_up();
        let answer = scripted.expect_call();
        let barrier = Arc::new(Barrier::new(20));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (cached, barrier) = (cached.clone(), barrier.clone());
                thread::spawn(move || {
                    let audience = audience();
                    barrier.wait();
                    let callers = (0..50).map(|_| cached.token(&audience));
                    for result in block_on(join_all(callers)) {
                        assert_eq!(result.unwrap(), token("t1", 3600));
                    }
                })
            })
            .collect();
        answer.send(Ok(token("t1", 3600))).unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(scripted.calls(), 1);
    });
}

#[test]
fn a_failed_fetch_fails_all_who_wait_and_nobody_later() {
    let (scripted, _, cached) = set_up();
    let answer = scripted.expect_call();
    let audience = audience();
    let mut callers: Vec<_> = (0..10).map(|_| cached.token(&audience)).collect();
    for caller in &mut callers {
        assert!(poll(caller).is_pending());
    }
    answer.send(Err(failure())).unwrap();
    for result in block_on(join_all(callers)) {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "the identity service is away");
        assert!(error.is_retryable());
    }
    assert_eq!(scripted.calls(), 1);

    scripted.answer_next(Ok(token("t2", 3600)));
    assert_eq!(
        block_on(cached.token(&audience)).unwrap(),
        token("t2", 3600)
    );
    assert_eq!(scripted.calls(), 2);
}

#[test]
fn a_due_token_is_refreshed_by_one_caller_while_others_use_it() {
    let (scripted, clock, cached) = set_up();
    let audience = audience();
    scripted.answer_next(Ok(token("t1", 3600)));
    block_on(cached.token(&audience)).unwrap();

    clock.set(at(2880));
    let answer = scripted.expect_call();
    let mut driver = cached.token(&audience);
    assert!(poll(&mut driver).is_pending());
    for _ in 0..1000 {
        let mut other = cached.token(&audience);
        assert_eq!(
            poll(&mut other).map(|result| result.unwrap()),
            Poll::Ready(token("t1", 3600))
        );
    }
    answer.send(Ok(token("t2", 7200))).unwrap();
    assert_eq!(block_on(driver).unwrap(), token("t2", 7200));
    assert_eq!(
        block_on(cached.token(&audience)).unwrap(),
        token("t2", 7200)
    );
    assert_eq!(scripted.calls(), 2);
}

#[test]
fn a_failed_refresh_serves_the_old_token_and_waits_before_the_next() {
    let (scripted, clock, cached) = set_up();
    let audience = audience();
    let now = || block_on(cached.token(&audience));
    scripted.answer_next(Ok(token("t1", 3600)));
    now().unwrap();

    // 10 s after the first failure, 20 s after each later one.
    for (attempt, due) in [3000, 3010, 3030, 3050].into_iter().enumerate() {
        clock.set(at(due - 1));
        let calls = scripted.calls();
        if attempt > 0 {
            assert_eq!(now().unwrap(), token("t1", 3600));
            assert_eq!(scripted.calls(), calls);
        }
        clock.set(at(due));
        scripted.answer_next(Err(failure()));
        assert_eq!(now().unwrap(), token("t1", 3600));
        assert_eq!(scripted.calls(), calls + 1);
    }

    clock.set(at(3600));
    scripted.answer_next(Err(failure()));
    assert_eq!(now().unwrap_err().kind(), ErrorKind::Credential);
    scripted.answer_next(Ok(token("t2", 7200)));
    assert_eq!(now().unwrap(), token("t2", 7200));
}

#[test]
fn a_token_that_expires_during_its_failed_refresh_is_not_served() {
    let (scripted, clock, cached) = set_up();
    let audience = audience();
    scripted.answer_next(Ok(token("t1", 3600)));
    block_on(cached.token(&audience)).unwrap();

    clock.set(at(3599));
    let answer = scripted.expect_call();
    let mut driver = cached.token(&audience);
    assert!(poll(&mut driver).is_pending());
    clock.set(at(3600));
    answer.send(Err(failure())).unwrap();
    assert_eq!(block_on(driver).unwrap_err().kind(), ErrorKind::Credential);
}

#[test]
fn a_cancelled_caller_does_not_lose_the_fetch() {
    let (scripted, clock, cached) = set_up();
    let audience = audience();
    let answer = scripted.expect_call();
    let mut cancelled = cached.token(&audience);
    assert!(poll(&mut cancelled).is_pending());
    drop(cancelled);
    answer.send(Ok(token("t1", 3600))).unwrap();
    assert_eq!(
        block_on(cached.token(&audience)).unwrap(),
        token("t1", 3600)
    );
    assert_eq!(scripted.calls(), 1);

    // The same for a refresh: a caller that could use the old token completes it.
    clock.set(at(3000));
    let answer = scripted.expect_call();
    let mut cancelled = cached.token(&audience);
    assert!(poll(&mut cancelled).is_pending());
    drop(cancelled);
    let mut next = cached.token(&audience);
    assert!(poll(&mut next).is_pending());
    answer.send(Ok(token("t2", 7200))).unwrap();
    assert_eq!(block_on(next).unwrap(), token("t2", 7200));
    assert_eq!(scripted.calls(), 2);
}

#[test]
fn those_who_wait_are_woken_after_the_first_is_cancelled() {
    within_deadline(|| {
        let (scripted, _, cached) = set_up();
        let answer = scripted.expect_call();
        let audience = audience();
        let mut first = cached.token(&audience);
        assert!(poll(&mut first).is_pending());
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let cached = cached.clone();
                let (polled, is_polled) = mpsc::channel();
                let thread = thread::spawn(move || {
                    let audience = self::audience();
                    let mut caller = cached.token(&audience);
                    assert!(poll(&mut caller).is_pending());
                    polled.send(()).unwrap();
                    block_on(caller)
                });
                is_polled.recv().unwrap();
                thread
            })
            .collect();
        drop(first);
        answer.send(Ok(token("t1", 3600))).unwrap();
        for thread in waiting {
            assert_eq!(thread.join().unwrap().unwrap(), token("t1", 3600));
        }
        assert_eq!(scripted.calls(), 1);
    });
}

#[test]
fn a_panic_of_the_provider_is_an_error_and_not_for_ever() {
    let calls = AtomicUsize::new(0);
    let flaky = token_fn(move |_| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(call > 0, "the first call panics");
            Ok(token("t1", 3600))
        }
    });
    let cached = CachedTokenProvider::new(flaky).with_clock(FixedClock::new(at(0)));
    let error = block_on(cached.token(&audience())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert!(!error.is_retryable());
    assert_eq!(
        block_on(cached.token(&audience())).unwrap(),
        token("t1", 3600)
    );
}

#[test]
fn nothing_is_kept_alive_by_a_fetch_that_nobody_waits_for() {
    let (scripted, _, cached) = set_up();
    let _answer = scripted.expect_call();
    let audience = audience();
    let mut cancelled = cached.token(&audience);
    assert!(poll(&mut cancelled).is_pending());
    drop(cancelled);
    drop(cached);
    assert_eq!(Arc::strong_count(&scripted.0), 1);
}

#[test]
fn fetches_that_nobody_waits_for_are_bounded() {
    let (scripted, _, cached) = set_up();
    let cached = cached.with_options(CacheOptions::default().with_capacity(10));
    let audiences: Vec<_> = (0..100)
        .map(|index| Audience::verbatim(format!("{index}")))
        .collect();
    let mut answers = Vec::new();
    let mut kept = None;
    let mut given_up = Vec::new();
    for audience in &audiences {
        answers.push(scripted.expect_call());
        let mut caller = cached.token(audience);
        assert!(poll(&mut caller).is_pending());
        kept.get_or_insert(caller);
        given_up.push(answers.iter().filter(|answer| answer.is_canceled()).count());
    }
    // Ten are kept, and make room for the eleventh but for the first, whose caller waits.
    assert_eq!(given_up[..11], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(given_up[99], 9 * 10);

    answers.remove(0).send(Ok(token("t0", 3600))).unwrap();
    assert_eq!(block_on(kept.unwrap()).unwrap(), token("t0", 3600));
}

#[test]
fn audiences_have_their_own_tokens() {
    let (scripted, _, cached) = set_up();
    let [a, b] = ["a", "b"].map(Audience::verbatim);
    let (answer_a, answer_b) = (scripted.expect_call(), scripted.expect_call());
    let (mut for_a, mut for_b) = (cached.token(&a), cached.token(&b));
    assert!(poll(&mut for_a).is_pending());
    assert!(poll(&mut for_b).is_pending());
    answer_b.send(Ok(token("b", 3600))).unwrap();
    assert_eq!(block_on(for_b).unwrap(), token("b", 3600));
    answer_a.send(Ok(token("a", 3600))).unwrap();
    assert_eq!(block_on(for_a).unwrap(), token("a", 3600));
    assert_eq!(block_on(cached.token(&b)).unwrap(), token("b", 3600));
    assert_eq!(scripted.calls(), 2);

    cached.invalidate(&a);
    scripted.answer_next(Ok(token("a2", 3600)));
    assert_eq!(block_on(cached.token(&a)).unwrap(), token("a2", 3600));
    assert_eq!(block_on(cached.token(&b)).unwrap(), token("b", 3600));
}

#[test]
fn one_token_of_a_credential_serves_all_audiences() {
    #[derive(Clone, Debug, Default)]
    struct Credential(Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl TokenCredential for Credential {
        async fn token(&self, scopes: &[&str]) -> Result<AccessToken> {
            self.0.lock().unwrap().push(scopes.join(" "));
            Ok(token("entra", 3600))
        }
    }

    let credential = Credential::default();
    let scope = "https://webpubsub.azure.com/.default";
    let cached = CachedTokenProvider::new(EntraTokenProvider::new(credential.clone(), scope))
        .with_clock(FixedClock::new(at(0)));
    for index in 0..10 {
        let audience = Audience::verbatim(format!("https://contoso.webpubsub.azure.com/{index}"));
        assert_eq!(
            block_on(cached.token(&audience)).unwrap(),
            token("entra", 3600)
        );
    }
    assert_eq!(*credential.0.lock().unwrap(), [scope]);

    cached.invalidate(&audience());
    block_on(cached.token(&audience())).unwrap();
    assert_eq!(credential.0.lock().unwrap().len(), 2);
}
