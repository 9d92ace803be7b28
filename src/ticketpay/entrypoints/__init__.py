"""The entrypoints: who may knock - the HTTP app, the worker, the command line."""
