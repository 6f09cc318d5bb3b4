"""The source's face: public keys only, no cookie but the one that leaving sets, no script, every page with input an answer to a POST."""
