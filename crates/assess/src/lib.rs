//! From a snapshot and the knowledge to doors, services and their verdicts.
