"""What arrived and what it is worth: audit.json, audit.html and the contact sheet."""
