"""How each kind of provider is spoken to: one module for each wire format."""
