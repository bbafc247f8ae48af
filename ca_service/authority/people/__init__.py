"""How people sign in: attempts that are counted, sessions, second factors, links to choose a password."""
