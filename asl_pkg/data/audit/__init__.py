"""The audit of a data set: audit.json, audit.html and the contact sheet."""
