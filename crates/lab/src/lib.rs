//! Real Linux hosts for tests: systemd in nspawn on an overlay clone.
