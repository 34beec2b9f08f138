"""The page on which a person signs and reads; the transformer serves it beside v2."""
