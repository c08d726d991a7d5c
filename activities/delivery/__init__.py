"""Sending to the outside: mail by SMTP, web hooks by HTTP, each attempt with one line that says what came of it."""
