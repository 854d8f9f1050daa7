//! SAS tokens, JSON Web Tokens and token providers.
