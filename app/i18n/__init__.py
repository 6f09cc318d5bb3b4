"""Languages: which are offered, which one a page is in, and the catalogues."""
