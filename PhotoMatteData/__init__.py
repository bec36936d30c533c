"""PhotoMatte85: loader, backgrounds and trimaps."""
