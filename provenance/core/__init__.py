"""The protocol as pure functions: no clock, no network, no database, no environment (docs/protocol.md)."""
