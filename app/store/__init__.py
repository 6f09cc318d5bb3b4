"""Tables by aggregate, and the database that holds them. The store keeps opaque bytes and knows no keys."""
