//! Asks a running Linux: system bus, sockets, processes, namespaces, packet filter.
