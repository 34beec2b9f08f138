"""The measurements of validate, the gates that decide on them, and the report."""
