//! What is forwarded where, as azbridge writes it after `-L`, `-T` and `-H`. Pure.
//!
//! | flag | type | form |
//! | --- | --- | --- |
//! | `-L` | [`LocalForward`] | `[bind:]port[U][/port_name]` or `socket[/port_name]`, several with `;`, then `:relay` |
//! | `-T` | [`RemoteForward`] | `relay:`, then `[port_name/][host:]port[U]` or `[port_name/]socket`, several with `;` |
//! | `-R` | [`RemoteForward`] | the older `relay:host:[port_name/]port`; the same type reads both |
//! | `-H` | [`HttpForward`] | `relay:`, then `{http\|https}/host[/path][:port]`, several with `;` |
//!
//! `relay` is the name of a hybrid connection. A sender names a port by its port name and never learns what is behind
//! it. Without a port name it is the port as it is written, `U` included; for a socket it is the name of its file, with `-`
//! for what a port name cannot have. `U` after a port means UDP; azbridge's files write these ports as negative numbers, which is
//! read too.
//!
//! # Sockets
//!
//! A socket is a plain name (letters, digits, `_` and `-`, not beginning with a digit) or a path that begins with `/`,
//! `./`, `../` or a Windows drive such as `C:\`. Here the forms are more exact than azbridge's, which takes no
//! path with a slash:
//!
//! - before a relay (`-L`) a port name follows after `//`, or after one `/` if the file ends with `.sock` or
//!   `.socket`: `/run/app.sock/web:relay`, `/run/app//web:relay`;
//! - after a relay (`-T`) the port name comes first, and then a `/`: `relay:web//run/app.sock`, `relay:web/C:\app.sock`;
//! - `C:\` and `C:/` begin a path on every platform: no host has one letter and a port that begins with a slash.
//!
//! # Hosts
//!
//! An IPv6 address is in brackets; azbridge takes none. A bind host is a name, an address, or `*` or nothing before the
//! colon for all interfaces. The port 0 binds a free one.
//!
//! # HTTP
//!
//! azbridge's code puts the port after the path (`http/localhost/api:8080`), its help puts it last
//! (`http/8080`). Both are read, and so is the order of URLs, `http/localhost:8080/api`.

mod error;
mod http_forward;
mod invalid;
mod local_forward;
mod name;
mod piece;
mod remote_forward;
mod socket;

pub use error::ExpressionError;
pub use http_forward::{HttpBinding, HttpForward, HttpScheme};
pub use invalid::InvalidForward;
pub use local_forward::{BindAddress, LocalAddress, LocalBinding, LocalForward};
pub use name::{NameError, PortName, RelayName};
pub use remote_forward::{RemoteBinding, RemoteForward, RemoteTarget};

#[cfg(test)]
mod tests;
