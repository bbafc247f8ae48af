"""What there is, until when it is good, and what comes to its end next."""
