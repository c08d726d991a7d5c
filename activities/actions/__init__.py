"""The kinds of action, a module each, and the one dispatcher that carries them out for cases and entitlements."""
