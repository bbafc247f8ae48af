"""The command line: each command, each refusal, each exit code."""
