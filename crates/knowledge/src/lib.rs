//! What is known of services, roles and applications, as cited data.
