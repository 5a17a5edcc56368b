"""HTTP as an OAuth 2.1 resource server: tokens of an issuer that the operator names instead of our own."""
