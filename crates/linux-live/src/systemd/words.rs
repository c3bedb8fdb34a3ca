//! systemd's words for states, in ours.

use doorward_model::{Start, State};

/// From `ActiveState` and `SubState`.
pub(super) fn state(active: &str, sub: &str) -> State {
    match (active, sub) {
        // A timer that will never fire again has elapsed.
        ("active", "exited" | "elapsed") => State::Exited,
        ("active" | "reloading" | "refreshing", _) => State::Running,
        ("activating" | "deactivating" | "maintenance", _) => State::Changing,
        ("failed", _) => State::Failed,
        ("inactive", _) => State::Stopped,
        _ => State::Unknown,
    }
}

/// From `UnitFileState`, empty for a unit without a file.
pub(super) fn start(file_state: &str) -> Start {
    match file_state {
        "enabled" | "enabled-runtime" => Start::Enabled,
        // Linked: the manager knows the file, but nothing pulls it in.
        "disabled" | "linked" | "linked-runtime" => Start::Disabled,
        "static" | "indirect" | "alias" => Start::Static,
        "masked" | "masked-runtime" => Start::Masked,
        "generated" => Start::Generated,
        "transient" => Start::Manual,
        _ => Start::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        for (active, sub, expected) in [
            ("active", "running", State::Running),
            ("active", "listening", State::Running),
            ("active", "waiting", State::Running),
            ("active", "exited", State::Exited),
            ("reloading", "reload", State::Running),
            ("activating", "auto-restart", State::Changing),
            ("deactivating", "stop-sigterm", State::Changing),
            ("failed", "failed", State::Failed),
            ("inactive", "dead", State::Stopped),
            ("", "", State::Unknown),
        ] {
            assert_eq!(state(active, sub), expected, "{active} ({sub})");
        }
    }
}
