"""AWS's kinds, a module a service."""
