"""How each kind of action is carried out: a module a kind, which the dispatcher finds here."""
