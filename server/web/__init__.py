"""The HTTP server of the hub: routes, authentication, limits, start and stop."""
