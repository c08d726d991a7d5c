"""Delivery to the outside: when a failed attempt is repeated, how a web hook is signed, which addresses are open."""
