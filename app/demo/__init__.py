"""The demonstration: throw-away members, and four reports that retell a published article, written through the real form."""
