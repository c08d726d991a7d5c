"""What the API takes that the client has no call for, each with the reason."""

LEFT_OUT = {
    "GET /healthz": "for whoever watches the process; it takes no key",
    "GET /readyz": "likewise",
    "POST /v1/intake/{source}": "other systems send it, signed as their source is declared to; it takes no key",
}
"""Operations of the document. The pages for people are not in it."""
