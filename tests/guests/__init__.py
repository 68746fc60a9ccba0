"""A type of recipient outside the product: shows that a page of code is enough."""
