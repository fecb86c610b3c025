"""The promises, by what they are about."""
