//! Signs a shared access signature for Azure Relay and verifies it as a server does.
//!
//! Goal: the shortest way from a connection string to a token, and to its
//! verification. Simplification: the connection string is in the code, where none belongs.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::time::Duration;

use azwire_auth::{
    Audience, Clock, ConnectionString, SasRule, SasSigner, SasVerifier, SharedAccessKey,
    SystemClock,
};

const CONNECTION_STRING: &str = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=listen;\
                                 SharedAccessKey=bm90LWEtcmVhbC1rZXk=;EntityPath=hc1";

fn main() -> Result<(), Box<dyn Error>> {
    let settings = ConnectionString::parse(CONNECTION_STRING)?;
    let endpoint = settings.require("Endpoint")?;
    let path = settings.require("EntityPath")?;
    let key = SharedAccessKey::parse(
        settings.require("SharedAccessKeyName")?,
        settings.require("SharedAccessKey")?,
    )?;

    let now = SystemClock.now();
    let audience = Audience::normalized(format!("{endpoint}{path}"));
    let token = SasSigner::new(&key).sign(&audience, now + Duration::from_secs(3600));
    println!("signed for {}: {token:?}", audience.as_str());

    // A server has the keys of each rule; here it already has a secondary one.
    let verifier = SasVerifier::new([SasRule::from(&key).with_secondary("c2Vjb25kYXJ5")]);
    let verified = verifier.verify(token.expose(), now)?;
    println!(
        "the {:?} key of the rule `{}` signed it",
        verified.key(),
        verified.rule()
    );
    for path in ["/hc1", "/$hc/hc1?sb-hc-action=listen", "/hc1/sub", "/hc10"] {
        let verdict = verified.covers("contoso.servicebus.windows.net", path);
        println!("valid for {path}: {verdict}");
    }

    let tomorrow = now + Duration::from_secs(24 * 3600);
    match verifier.verify(token.expose(), tomorrow) {
        Ok(_) => Err("an old token was accepted".into()),
        Err(refusal) => {
            println!("tomorrow: {refusal}");
            Ok(())
        }
    }
}
