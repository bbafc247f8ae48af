"""People: accounts, roles, sign-in, sessions, second factors, links, single sign-on, API tokens."""
