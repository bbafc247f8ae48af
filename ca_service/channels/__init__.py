"""Ways out: how a message leaves this machine, only to where the settings say."""
