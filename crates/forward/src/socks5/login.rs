//! The user name and password of a SOCKS5 server.

use auth::Secret;

/// The user name and password that clients of a SOCKS5 server must present (RFC 1929).
///
/// They keep other users of the machine out. They travel unencrypted between client and
/// server, so they protect nothing on a network.
///
/// ```
/// use azwire_forward::{Login, LoginError};
///
/// let login = Login::new("ann", "correct horse")?;
/// assert_eq!(format!("{login:?}"), "Login { name: Secret(..), password: Secret(..) }");
/// assert_eq!(Login::new("ann", "").unwrap_err(), LoginError::Password);
/// # Ok::<(), LoginError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Login {
    name: Secret,
    password: Secret,
}

/// What is wrong with a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The name is empty, or too long.
    #[error("the user name must have 1 to 255 bytes")]
    Name,
    /// The password is empty, or too long.
    #[error("the password must have 1 to 255 bytes")]
    Password,
}

impl Login {
    /// Creates a login.
    ///
    /// # Errors
    ///
    /// [`LoginError`] unless name and password have 1 to 255 bytes each: more does not fit into the
    /// protocol.
    pub fn new(name: &str, password: &str) -> Result<Self, LoginError> {
        let fits = |text: &str| (1..=255).contains(&text.len());
        if !fits(name) {
            return Err(LoginError::Name);
        }
        if !fits(password) {
            return Err(LoginError::Password);
        }
        Ok(Self {
            name: Secret::new(name),
            password: Secret::new(password),
        })
    }

    /// Whether these are the name and the password. Both are always compared, so that the time does not
    /// tell which of them is wrong.
    pub(super) fn is(&self, name: &[u8], password: &[u8]) -> bool {
        let is = |secret: &Secret, bytes: &[u8]| {
            std::str::from_utf8(bytes).is_ok_and(|text| *secret == Secret::new(text))
        };
        is(&self.name, name) & is(&self.password, password)
    }
}
