"""Tools that made the shipped tables; nothing in the service imports them."""
