"""PhotoMatte85: loader, pairing with backgrounds and trimaps."""
