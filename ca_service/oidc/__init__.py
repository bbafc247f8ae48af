"""The client of the OpenID provider. Needs the extra `ca-service[oidc]`."""
