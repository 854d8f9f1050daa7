//! Signs a client access token for a Web PubSub hub, and
//! verifies it as the service does.
//!
//! Goal: the claims of a client access token, and each reason to reject
//! one. Simplification: the key is in the code, where no key belongs.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::time::Duration;

use azwire_auth::{AccessKey, Claims, Clock, JwtSigner, JwtVerifier, SystemClock};

const HUB: &str = "https://contoso.webpubsub.azure.com/client/hubs/chat";

fn main() -> Result<(), Box<dyn Error>> {
    let key = AccessKey::parse("bm90LWEtcmVhbC1rZXk=")?;
    let now = SystemClock.now();
    let claims = Claims::new(HUB, now + Duration::from_secs(3600))
        .with_issued_at(now)
        .with_subject("user1")
        .with_roles(["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup.room1"])
        .with_groups(["room1"])
        .with_claim("tenant", &42)?;
    let token = JwtSigner::new(&key).sign(&claims);

    // During a key rotation both are in use.
    let verifier = JwtVerifier::new([AccessKey::new("bmV3LWtleQ=="), key]);
    let verified = verifier.verify(token.expose(), &[HUB], now)?;
    println!(
        "welcome {}",
        verified.subject.as_deref().unwrap_or("stranger")
    );
    println!("roles {:?}, groups {:?}", verified.roles, verified.groups);
    println!("tenant {:?}", verified.claim::<u32>("tenant")?);

    let other_hub = "https://contoso.webpubsub.azure.com/client/hubs/other";
    let other_keys = JwtVerifier::new([AccessKey::new("b3RoZXI=")]);
    let refusals = [
        (
            "at another hub",
            verifier.verify(token.expose(), &[other_hub], now),
        ),
        (
            "tomorrow",
            verifier.verify(token.expose(), &[HUB], now + Duration::from_secs(24 * 3600)),
        ),
        (
            "by another resource",
            other_keys.verify(token.expose(), &[HUB], now),
        ),
    ];
    for (place, verdict) in refusals {
        match verdict {
            Ok(_) => return Err(format!("accepted {place}").into()),
            Err(refusal) => println!("{place}: {refusal}"),
        }
    }
    Ok(())
}
