"""Reports: their states and the steps between them."""
