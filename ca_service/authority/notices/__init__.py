"""What ends and when, and how people come to know of it in time."""
