"""Signing in at an OpenID provider: the edge that speaks to it. Needs the extra `ca-service[oidc]`."""
