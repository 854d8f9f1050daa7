//! Ports, Unix sockets and HTTP sites through Azure Relay Hybrid Connections, on the wires of
//! azbridge and aztunnel.

#![cfg_attr(docsrs, feature(doc_cfg))]
