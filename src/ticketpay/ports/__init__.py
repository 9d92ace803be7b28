"""The ports: what the domain needs from the world, as Protocols in the domain's own words."""
