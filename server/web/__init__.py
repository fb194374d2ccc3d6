"""The hub's HTTP server: routes, authentication, limits, startup and shutdown."""
