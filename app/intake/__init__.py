"""The source's face: public keys only, no cookies, no script, every page with input an answer to a POST."""
