"""How reports are written for programs and shown as pages, whoever asks for them."""
