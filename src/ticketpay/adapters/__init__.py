"""The adapters: how a port is fulfilled by one technology; strangers to each other."""
